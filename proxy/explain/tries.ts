import { grpcTimeoutMs } from '../exchange/grpc-timeout.ts'
import { isGrpc } from '../exchange/reply.ts'
import { decideRetry, isIdempotent, type Outcome } from '../exchange/retry.ts'
import type { RetryPolicy } from '../model/route.ts'
import type { Draft } from '../../core/explain/draft.ts'
import type { Routed } from './routed.ts'

const KINDS: readonly (readonly [string, Outcome])[] = [
  ['connect-failure', { kind: 'connect-failure' }],
  ['refused-stream', { kind: 'refused' }],
  ['reset', { kind: 'reset' }],
  ['per-try-timeout', { kind: 'per-try-timeout' }],
]

/** How long it may take, and after what it is tried again. */
export function noteTries({ action, head, http2, manager, route }: Routed, draft: Draft): void {
  const { settings } = manager
  const { hedge, mirrors, retry, timeoutMs } = action
  const from = route.name
  const grpcTimeout = http2 && isGrpc(head.fields) ? grpcTimeoutMs(head.fields) : undefined
  const all = [
    ['request', timeoutMs, from],
    ['try', retry?.perTryTimeoutMs ?? 0, from],
    ['grpc-timeout', grpcTimeout ?? 0, 'caller'],
    ['idle', settings.streamIdleTimeoutMs, 'listener'],
    ['request to come whole', settings.requestTimeoutMs, 'listener'],
  ] as const
  for (const [name, ms, of] of all) if (ms > 0) draft.timeouts.push({ name, ms, from: of })
  draft.retries = retry
    ? {
        tries: retry.retries + 1,
        on: triedAgainAfter(retry, head.method, head.upgrade !== '' || head.method === 'CONNECT'),
        repeatable: isIdempotent(head.method) || retry.nonIdempotent,
        from,
      }
    : null
  if (hedge && (hedge.nonIdempotent || isIdempotent(head.method)))
    draft.notes.push(
      `after ${hedge.afterMs} ms without an answer up to ${hedge.max} tries more begin beside the first`,
    )
  for (const { cluster, percent } of mirrors)
    if (percent > 0)
      draft.notes.push(`a copy of ${percent} % of such requests goes to ${cluster}, and its answer nowhere`)
}

/** By the very decision of a try that ended so. */
function triedAgainAfter(policy: RetryPolicy, method: string, upgrade: boolean): readonly string[] {
  const statuses = new Set([...policy.statuses, 500, 502, 503, 504])
  const outcomes: readonly (readonly [string, Outcome])[] = [
    ...KINDS,
    ...[...statuses]
      .toSorted((a, b) => a - b)
      .map((status) => [String(status), { kind: 'status', status } as const] as const),
    ...policy.grpcStatuses.map(
      (grpcStatus) => [`grpc-status ${grpcStatus}`, { kind: 'grpc-status', grpcStatus } as const] as const,
    ),
  ]
  const tried = {
    method,
    replayable: true,
    upgrade,
    retries: 0,
    reusedConnection: false,
    applicationClosed: false,
    goneAway: false,
    replays: 0,
  }
  return outcomes.flatMap(([name, outcome]) =>
    decideRetry(policy, outcome, tried) === 'retry' ? [name] : [],
  )
}
