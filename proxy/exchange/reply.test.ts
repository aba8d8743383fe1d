import t from 'tap'
import { field } from '../http/message.ts'
import { composeReply } from './reply.ts'

t.test('who asks is told what failed, and nothing of where', async (t) => {
  for (const [details, told] of [
    ['route_not_found', 'route_not_found'],
    ['response_timeout{per try}', 'response_timeout{per try}'],
    [
      'upstream_connect_failure{connect ECONNREFUSED 10.1.2.3:8080}',
      'upstream_connect_failure{ECONNREFUSED}',
    ],
    ['upstream_connect_failure{getaddrinfo ENOTFOUND database}', 'upstream_connect_failure{ENOTFOUND}'],
    ['upstream_connect_failure{connect EHOSTUNREACH fd00::7:8080}', 'upstream_connect_failure{EHOSTUNREACH}'],
    ['upstream_identity{it is spiffe://cluster.local/ns/shop/sa/web}', 'upstream_identity'],
    ['upstream_tls{self-signed certificate}', 'upstream_tls{self-signed certificate}'],
    ['upstream_tls{10.1.2.3 is not in the list\n}', 'upstream_tls'],
  ] as const) {
    for (const fields of [[], ['content-type', 'application/grpc']]) {
      const head = { method: 'POST', scheme: 'http', authority: 'a', path: '/', upgrade: '', fields }
      const composed = composeReply(head, { status: 503, details, text: 'upstream connect error' })
      t.equal(field(composed.head.fields, 'proxy-status'), `weft; details="${told}"`, details)
    }
  }
})
