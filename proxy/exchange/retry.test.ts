import t from 'tap'
import type { RetryPolicy } from '../model/route.ts'
import { RETRY_503 } from '../testing/static-configuration.ts'
import { backoffMs, decideRetry, isRetriableStatus, type Outcome, type Tried } from './retry.ts'

const POLICY: RetryPolicy = {
  ...RETRY_503,
  retries: 2,
  grpcStatuses: [14],
  backoffBaseMs: 25,
  backoffMaxMs: 250,
}
const FIRST: Tried = {
  method: 'GET',
  replayable: true,
  upgrade: false,
  retries: 0,
  reusedConnection: false,
  goneAway: false,
  applicationClosed: false,
  replays: 0,
}
const reset: Outcome = { kind: 'reset' }
const refused: Outcome = { kind: 'refused' }
const unconnected: Outcome = { kind: 'connect-failure' }
const status503: Outcome = { kind: 'status', status: 503 }

t.test('a write that may have reached the application is never repeated by itself', async (t) => {
  const post = { ...FIRST, method: 'POST' }
  for (const outcome of [reset, status503, { kind: 'per-try-timeout' } as const])
    t.equal(decideRetry(POLICY, outcome, post), 'no', outcome.kind)
  t.equal(decideRetry(POLICY, reset, { ...post, reusedConnection: true }), 'no', 'nor on a reused connection')
  t.equal(decideRetry(POLICY, unconnected, post), 'retry', 'nothing was sent')
  t.equal(decideRetry(POLICY, refused, post), 'retry', 'the server said that it did nothing')
  t.equal(
    decideRetry({ ...POLICY, nonIdempotent: true }, status503, post),
    'retry',
    'the route says that it may',
  )
})

t.test('reads are repeated as the policy says, and not more often', async (t) => {
  for (const outcome of [
    reset,
    refused,
    unconnected,
    status503,
    { kind: 'grpc-status', grpcStatus: 14 } as const,
  ])
    t.equal(decideRetry(POLICY, outcome, FIRST), 'retry', outcome.kind)
  t.equal(decideRetry(POLICY, { kind: 'status', status: 500 }, FIRST), 'no')
  t.equal(decideRetry(POLICY, status503, { ...FIRST, retries: 2 }), 'no')
  t.equal(decideRetry(POLICY, status503, { ...FIRST, replayable: false }), 'no', 'a body that is not kept')
  t.equal(decideRetry(undefined, status503, FIRST), 'no')
})

t.test('the keep-alive race is replayed once, without a policy', async (t) => {
  const raced = { ...FIRST, reusedConnection: true }
  t.equal(decideRetry(undefined, reset, raced), 'replay')
  t.equal(decideRetry(undefined, reset, { ...raced, replays: 1 }), 'no')
  t.equal(decideRetry(undefined, status503, raced), 'no', 'an answer is an answer')
})

t.test('an application that closes what it has not accepted is asked once more, a write never', async (t) => {
  const closed = { ...FIRST, applicationClosed: true }
  t.equal(decideRetry(undefined, reset, closed), 'replay')
  t.equal(decideRetry(undefined, reset, { ...closed, replays: 1 }), 'replay', 'after the keep-alive race')
  t.equal(decideRetry(undefined, reset, { ...closed, replays: 2 }), 'no')
  t.equal(decideRetry(undefined, reset, { ...closed, method: 'POST' }), 'no')
  t.equal(decideRetry(undefined, reset, { ...closed, replayable: false }), 'no')
})

t.test('what a GOAWAY left out is asked elsewhere, also a write, and not for ever', async (t) => {
  const left = { ...FIRST, method: 'POST', goneAway: true }
  for (const replays of [0, 1, 9])
    t.equal(decideRetry(undefined, { kind: 'refused' }, { ...left, replays }), 'replay')
  t.equal(decideRetry(undefined, { kind: 'refused' }, { ...left, replays: 10 }), 'no')
  t.equal(decideRetry(undefined, { kind: 'reset' }, left), 'no', 'only what it said it did not process')
  t.equal(decideRetry(undefined, { kind: 'refused' }, { ...left, replayable: false }), 'no')
})

t.test('what never left goes elsewhere, whatever the rule says, but not for ever', async (t) => {
  const removed: Outcome = { kind: 'removed' }
  const post = { ...FIRST, method: 'POST', upgrade: true }
  t.equal(decideRetry(undefined, removed, post), 'replay')
  t.equal(decideRetry({ ...POLICY, retries: 0 }, removed, { ...post, replays: 9 }), 'replay')
  t.equal(decideRetry(POLICY, removed, { ...post, replays: 10 }), 'no')
  t.equal(decideRetry(POLICY, removed, { ...post, replayable: false }), 'no')
})

t.test('a request for another protocol is repeated only if nobody got it', async (t) => {
  const upgrade = { ...FIRST, upgrade: true }
  t.equal(decideRetry(POLICY, unconnected, upgrade), 'retry')
  t.equal(decideRetry(POLICY, refused, upgrade), 'retry')
  t.equal(decideRetry(POLICY, reset, { ...upgrade, reusedConnection: true }), 'no')
  t.equal(decideRetry(POLICY, status503, upgrade), 'no')
})

t.test(
  'waits grow to their ceiling, between half and all of it; unsent requests do not wait at first',
  async (t) => {
    const waits = (outcome: Outcome, random: number) =>
      [1, 2, 3, 4, 5].map((retries) => backoffMs(POLICY, outcome, retries, random))
    t.same(waits(status503, 0), [12.5, 25, 50, 100, 125])
    t.same(waits(status503, 1), [25, 50, 100, 200, 250])
    t.same(waits(unconnected, 0), [0, 25, 50, 100, 125])
  },
)

t.test('each condition repeats what Envoy repeats for it, and nothing else', async (t) => {
  const none = {
    connectFailure: false,
    refusedStream: false,
    reset: false,
    resetBeforeRequest: false,
    gatewayError: false,
    serverError: false,
  }
  const outcomes = ['connect-failure', 'refused', 'reset', 'per-try-timeout'] as const
  for (const [condition, ...repeated] of [
    ['connectFailure', 'connect-failure'],
    ['refusedStream', 'refused'],
    ['reset', 'connect-failure', 'refused', 'reset', 'per-try-timeout'],
    ['gatewayError', 'connect-failure', 'refused', 'reset', 'per-try-timeout', 502, 503, 504],
    [
      'serverError',
      'connect-failure',
      'refused',
      'reset',
      'per-try-timeout',
      500,
      501,
      502,
      503,
      504,
      505,
      599,
    ],
  ] as const) {
    const policy = { ...POLICY, statuses: [], on: { ...none, [condition]: true } }
    const kinds = outcomes.filter((kind) => decideRetry(policy, { kind }, FIRST) === 'retry')
    const statuses = [499, 500, 501, 502, 503, 504, 505, 599, 600].filter((status) =>
      isRetriableStatus(policy, status),
    )
    t.same([...kinds, ...statuses], repeated)
  }
  const timeout: Outcome = { kind: 'per-try-timeout' }
  t.equal(
    decideRetry({ ...POLICY, on: none, statuses: [504] }, timeout, FIRST),
    'retry',
    'a timeout is a 504',
  )
  t.equal(decideRetry({ ...POLICY, on: none, statuses: [503] }, timeout, FIRST), 'no')
})

t.test('what is idempotent is what RFC 9110 and QUERY say', async (t) => {
  const methods = [
    'GET',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'PUT',
    'DELETE',
    'QUERY',
    'POST',
    'PATCH',
    'CONNECT',
    'get',
  ]
  t.same(
    methods.filter((method) => decideRetry(POLICY, reset, { ...FIRST, method }) === 'retry'),
    methods.slice(0, 7),
  )
})

t.test("the application's own end is replayed twice, not more", async (t) => {
  const closed = { ...FIRST, applicationClosed: true }
  t.same(
    [0, 1, 2].map((replays) => decideRetry(undefined, reset, { ...closed, replays })),
    ['replay', 'replay', 'no'],
  )
})

t.test('a per-try timeout is a reset, and reset-before-request is none', async (t) => {
  const only = (on: Partial<RetryPolicy['on']>, statuses: readonly number[] = []): RetryPolicy => ({
    ...POLICY,
    statuses,
    on: {
      connectFailure: false,
      refusedStream: false,
      reset: false,
      resetBeforeRequest: false,
      gatewayError: false,
      serverError: false,
      ...on,
    },
  })
  const slow: Outcome = { kind: 'per-try-timeout' }
  for (const policy of [
    only({ reset: true }),
    only({ gatewayError: true }),
    only({ serverError: true }),
    only({}, [504]),
  ])
    t.equal(decideRetry(policy, slow, FIRST), 'retry')
  for (const policy of [
    only({ resetBeforeRequest: true }),
    only({ connectFailure: true, refusedStream: true }),
  ])
    t.equal(decideRetry(policy, slow, FIRST), 'no')
  const before = only({ resetBeforeRequest: true })
  t.equal(decideRetry(before, reset, FIRST), 'no')
  t.equal(decideRetry(before, unconnected, FIRST), 'retry')
  t.equal(decideRetry(before, refused, FIRST), 'retry')
})
