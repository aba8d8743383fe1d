import type { Clock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { Attempt } from './attempt.ts'
import type { RequestRecord, TryKind, TryRecord } from './telemetry-sink.ts'

// What telemetry is told of the tries of a request that has a trace, once it takes more than one, and of a sampled one's copies. `now` is on
// performance.now's clock, as the beginning of an attempt is.

/** What ended a try, as a record has it. */
export type TryEnd = Pick<TryRecord, 'status' | 'grpcStatus' | 'flags' | 'details'>

/** Given up for another one, or with its caller: nothing went wrong with it. */
export const GIVEN_UP: TryEnd = { status: 0, grpcStatus: -1, flags: 0, details: 'given_up' }
/** Its endpoint gave no sign of life. */
export const SILENT: TryEnd = { status: 0, grpcStatus: -1, flags: 0, details: 'no_sign_of_life' }

/**
 * One more try follows this one, which is told of only now if it was the first. Of a request that is not sampled, too: it may yet
 * be kept, as it failed.
 */
export function beginTries(record: RequestRecord, first: Attempt): void {
  if (record.trace === 'none' || record.tries) return
  record.tries = []
  beginTry(record, first, 'first', record.span?.spanId ?? '')
}

/** One more of them. */
export function beginTry(record: RequestRecord, attempt: Attempt, kind: TryKind, spanId: string): void {
  record.tries?.push(tell(attempt, kind, spanId, record.cluster))
}

/** The attempt is told of from now on. */
export function tell(attempt: Attempt, kind: TryKind, spanId: string, cluster: string): TryRecord {
  const { address, endpoint } = attempt.endpoint
  attempt.told = {
    kind,
    spanId,
    startMs: performance.timeOrigin + attempt.startedAt,
    durationMs: -1,
    cluster,
    upstream: address,
    upstreamWorkload: endpoint.workload,
    identity: '',
    ...GIVEN_UP,
  }
  return attempt.told
}

/** It is over, unless it was before: the first word counts. */
export function endTry({ told, identity }: Attempt, end: TryEnd, now: number): void {
  if (!told || told.durationMs >= 0) return
  told.identity = identity
  close(told, end, now)
}

/** The request is over. The try that it ended with, `last`, has ended as it did; others that still run are given up. */
export function closeTries(record: RequestRecord, last: Attempt | undefined, clock: Clock): void {
  if (!record.tries) return
  const now = clock.now()
  if (last) endTry(last, endOf(record), now)
  for (const one of record.tries) if (one.durationMs < 0) close(one, GIVEN_UP, now)
}

function close(one: TryRecord, end: TryEnd, now: number): void {
  one.durationMs = Math.max(0, performance.timeOrigin + now - one.startMs)
  one.status = end.status
  one.grpcStatus = end.grpcStatus
  one.flags = end.flags
  one.details = end.details
}

/** That no further try followed is said of the request alone. */
function endOf({ answered, details, flags, grpcStatus, status }: RequestRecord): TryEnd {
  return {
    status: answered ? status : 0,
    grpcStatus: answered ? grpcStatus : -1,
    flags: flags & ~ResponseFlag.URX,
    details,
  }
}
