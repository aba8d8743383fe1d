import type { AttemptFailure } from './attempt.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { LocalReply } from './reply.ts'
import type { Outcome } from './retry.ts'

/** What a failed try means for a retry decision. */
export function outcomeOf(failure: AttemptFailure): Outcome {
  switch (failure.kind) {
    case 'connect':
      return { kind: failure.failure.reason === 'connect' ? 'connect-failure' : failure.failure.reason }
    case 'per-try-timeout':
      return { kind: 'per-try-timeout' }
    case 'reset':
      return failure.reason === 'refused' ? { kind: 'refused' } : { kind: 'reset' }
  }
}

/** What the caller, the log and the span are told when no further try follows. */
export function failureOf(failure: AttemptFailure): LocalReply & { readonly flags: number } {
  switch (failure.kind) {
    case 'connect':
      return {
        flags: failure.failure.flags,
        status: 503,
        details: failure.failure.details,
        text: 'upstream connect error',
      }
    case 'per-try-timeout':
      return {
        flags: ResponseFlag.UT,
        status: 504,
        details: 'response_timeout{per try}',
        text: 'the upstream took too long',
      }
    case 'reset':
      return resetFailure(failure.reason, failure.detail)
  }
}

function resetFailure(
  reason: Extract<AttemptFailure, { kind: 'reset' }>['reason'],
  detail: string,
): LocalReply & { readonly flags: number } {
  const text = 'upstream connect error or disconnect before the response'
  switch (reason) {
    case 'protocol':
      return {
        flags: ResponseFlag.UPE,
        status: 502,
        details: `upstream_protocol_error{${detail}}`,
        text: 'the upstream broke the protocol',
      }
    case 'timeout':
      return { flags: ResponseFlag.UT, status: 504, details: `upstream_timeout{${detail}}`, text }
    case 'overload':
      return { flags: ResponseFlag.UO, status: 503, details: `upstream_overflow{${detail}}`, text }
    case 'connection':
      return {
        flags: ResponseFlag.UC,
        status: 503,
        details: `upstream_reset_before_response_started{connection_termination}`,
        text,
      }
    case 'refused':
    case 'stalled':
    case 'cancel':
      return {
        flags: ResponseFlag.UR,
        status: 503,
        details: `upstream_reset_before_response_started{remote_reset}`,
        text,
      }
  }
}
