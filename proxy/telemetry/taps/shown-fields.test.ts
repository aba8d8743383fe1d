import t from 'tap'
import { shownFields, shownQuery } from './shown-fields.ts'

t.test(
  'values of credentials are withheld, by the name of the field or by what they look like',
  async (t) => {
    for (const name of [
      'authorization',
      'proxy-authorization',
      'cookie',
      'x-api-key',
      'x-auth-token',
      'x-amz-security-token',
      'x-csrf-token',
      'x-session-id',
      'x-hub-signature-256',
      'x-goog-iap-jwt-assertion',
      'grpc-trace-secret',
    ])
      t.same(shownFields([name, 'value']), { [name]: '(withheld)' }, name)
    for (const value of [
      'Bearer abc',
      'Basic dTpw',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.sig',
      'https://ada:pw@example.com/',
      `prefix ${'x'.repeat(400)}eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.sig`,
    ])
      t.same(shownFields(['x-user', value]), { 'x-user': '(withheld)' }, value.slice(0, 30))
    t.same(shownFields(['x-user', 'ada', 'accept', '*/*', 'user-agent', 'curl/8', 'x-request-id', 'r']), {
      ...{ 'x-user': 'ada', accept: '*/*', 'user-agent': 'curl/8', 'x-request-id': 'r' },
    })
    t.same(shownFields(['referer', 'https://a.b/c?token=1&x=2']), {
      referer: 'https://a.b/c?token=(withheld)&x=2',
    })
    t.same(shownFields(['x-a', '1', 'x-a', '2', 'x-b', '1', 'x-b', 'Bearer x']), {
      ...{ 'x-a': '1, 2', 'x-b': '1, (withheld)' },
    })
  },
)

t.test('hostile names and bytes, and more of them than anybody reads', async (t) => {
  const proto = shownFields(['__proto__', 'x', 'constructor', 'y'])
  t.same(Object.entries(proto), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
  t.same(shownFields(['x-name', Buffer.from('Zoë').toString('latin1')]), { 'x-name': 'Zoë' })
  t.same(shownFields(['x-name', '\u00ff']), { 'x-name': '\ufffd' })
  const many = shownFields(Array.from({ length: 4000 }, (_, i) => (i % 2 ? 'v'.repeat(5000) : `x-${i}`)))
  t.ok(JSON.stringify(many).length < 10 * 1024)
  t.ok(Object.values(many).every((value) => value.length <= 512))
})

t.test('of a query, too', async (t) => {
  t.equal(shownQuery('a=1&access_token=x&b=2'), 'a=1&access_token=(withheld)&b=2')
  t.equal(shownQuery('%74oken=x&code=1&zip-code=2'), '%74oken=(withheld)&code=(withheld)&zip-code=2')
  t.equal(shownQuery('flag&=x&a=b=c'), 'flag&=x&a=b=c')
  t.equal(shownQuery('q=Bearer%20abc&%zz=1'), 'q=(withheld)&%zz=1')
  t.equal(shownQuery('x'.repeat(100_000)).length, 1024)
})
