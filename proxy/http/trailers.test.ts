import t from 'tap'
import { passedTrailers } from './trailers.ts'

t.test('trailers pass without what frames, routes or vouches for a message', async (t) => {
  const good = ['grpc-status', '0', 'grpc-message', '', 'digest', 'x', 'server-timing', 'a']
  t.equal(passedTrailers(good), good)
  t.equal(passedTrailers(undefined), undefined)
  t.equal(passedTrailers(['trailer', 'x']), undefined)
  for (const name of [
    'trailer',
    'te',
    'x-forwarded-client-cert',
    'X_Forwarded_Client_Cert'.toLowerCase(),
    'X-Forwarded_Client-Cert',
    'x.forwarded.client.cert',
    "x~forwarded|client'cert",
    'x-weft-http',
    'x.weft.http',
    'authorization',
    'content-type',
    'host',
    'keep-alive',
  ])
    t.same(passedTrailers(['a', '1', name, 'x', 'b', '2']), ['a', '1', 'b', '2'], name)
})
