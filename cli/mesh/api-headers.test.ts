import t from 'tap'
import { apiHeaders } from './api-headers.ts'

t.test('a token is shown under a name that the proxy of an API server lets through', (t) => {
  t.strictSame(apiHeaders({}), { 'sec-weft-client': 'weft' })
  t.strictSame(apiHeaders({ WEFT_TOKEN: ' a.b.c\n' }), {
    'sec-weft-client': 'weft',
    'x-weft-authorization': 'Bearer a.b.c',
  })
  t.end()
})
