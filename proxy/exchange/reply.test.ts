import t from 'tap'
import { field } from '../http/message.ts'
import { formatFlags } from '../model/response-flag.ts'
import { headOf } from '../steps/testing/requests.ts'
import { failureOf, outcomeOf } from './failure.ts'
import type { AttemptFailure } from './attempt.ts'
import { composeReply, grpcStatusOf, isGrpc } from './reply.ts'

const REPLY = { status: 503, details: 'a "b" \\ \u00e9', text: '100 % of \u00e9', fields: ['location', '/x'] }

t.test('a reply has its text, its own fields and who failed, which cannot break its quotes', async (t) => {
  const { head, body, grpcStatus } = composeReply(headOf('/'), REPLY)
  t.same(head, {
    status: 503,
    fields: [
      'content-type',
      'text/plain; charset=utf-8',
      'content-length',
      '11',
      'proxy-status',
      'weft; details="a \\"b\\" \\\\ ?"',
      'location',
      '/x',
    ],
  })
  t.same([String(body), grpcStatus], [REPLY.text, -1])
})

t.test('HEAD has the length and no body, and an empty text has neither body nor type', async (t) => {
  const head = composeReply({ ...headOf('/'), method: 'HEAD' }, REPLY)
  t.equal(head.head.fields[3], '11')
  t.equal(head.body, undefined)
  const empty = composeReply(headOf('/'), { status: 307, details: 'x', text: '' })
  t.same(empty.head.fields.slice(0, 2), ['content-length', '0'])
  t.equal(empty.body, undefined)
})

t.test('gRPC has all of it in its head', async (t) => {
  const { head, body, grpcStatus } = composeReply(headOf('/', ['content-type', 'application/grpc']), REPLY)
  t.same(head, {
    status: 200,
    fields: [
      'content-type',
      'application/grpc',
      'grpc-status',
      '14',
      'grpc-message',
      '100 %25 of %C3%A9',
      'proxy-status',
      'weft; details="a \\"b\\" \\\\ ?"',
      'location',
      '/x',
    ],
  })
  t.same([body, grpcStatus], [undefined, 14])
})

t.test('what speaks gRPC, and what its statuses are', async (t) => {
  const types = ['', '+proto', ';x', '-web', 's']
  t.same(
    types.map((end) => isGrpc(['content-type', `application/grpc${end}`])),
    [true, true, true, false, false],
  )
  t.equal(isGrpc([]), false)
  t.same(
    [400, 401, 403, 404, 429, 502, 503, 504, 500, 418].map(grpcStatusOf),
    [13, 16, 7, 12, 14, 14, 14, 14, 2, 2],
  )
})

t.test('how a try failed: what is told, and what a rule is asked', async (t) => {
  const connect = (reason: 'connect' | 'overflow' | 'removed'): AttemptFailure => ({
    kind: 'connect',
    failure: { reason, flags: 7, details: 'why' } as never,
  })
  const reset = (reason: Extract<AttemptFailure, { kind: 'reset' }>['reason']): AttemptFailure => ({
    kind: 'reset',
    reason,
    detail: 'd',
  })
  const told: readonly (readonly [AttemptFailure, string])[] = [
    [connect('connect'), 'connect-failure 7 503 why'],
    [connect('removed'), 'removed 7 503 why'],
    [{ kind: 'per-try-timeout' }, 'per-try-timeout UT 504 response_timeout{per try}'],
    [reset('protocol'), 'reset UPE 502 upstream_protocol_error{d}'],
    [reset('timeout'), 'reset UT 504 upstream_timeout{d}'],
    [reset('overload'), 'reset UO 503 upstream_overflow{d}'],
    [reset('connection'), 'reset UC 503 upstream_reset_before_response_started{connection_termination}'],
    [reset('refused'), 'refused UR 503 upstream_reset_before_response_started{remote_reset}'],
    [reset('stalled'), 'reset UR 503 upstream_reset_before_response_started{remote_reset}'],
    [reset('cancel'), 'reset UR 503 upstream_reset_before_response_started{remote_reset}'],
  ]
  for (const [failure, text] of told) {
    const { flags, status, details } = failureOf(failure)
    const flag = failure.kind === 'connect' ? flags : formatFlags(flags)
    t.equal(`${outcomeOf(failure).kind} ${flag} ${status} ${details}`, text)
  }
})

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
