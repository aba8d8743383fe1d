import type { Fields, RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { Route } from '../model/route.ts'
import type { Answer, RequestStep } from '../steps/step.ts'
import { noAuthorization, type RequestRecord } from './telemetry-sink.ts'
import { setVerifiedToken, verifiedToken } from './verified-token.ts'

/** A request that was let pass. */
export interface Passed {
  readonly hop: Hop
  /** As it goes on: what it was when it was decided on, the record and `fields` say. */
  readonly head: RequestHead
  readonly route: Route | undefined
  /** Has method, authority and path as they were decided on; told of a refusal. */
  readonly record: RequestRecord
  /** Undefined: those of the head. */
  readonly fields: Fields | undefined
}

/** Asks who decides now of a request that others let pass. The answer of whoever refuses it; undefined: it goes on. */
export function askAgain(
  authorizers: readonly RequestStep[],
  { hop, head, route, record, fields = head.fields }: Passed,
): Answer | undefined {
  const { method, authority, path } = record
  const seen = { ...head, method, authority, path, fields: [...fields] }
  const token = verifiedToken(head)
  if (token) setVerifiedToken(seen, token)
  const told = noAuthorization()
  for (const step of authorizers) {
    const verdict = step.decide(hop, seen, route, told)
    if (verdict?.kind !== 'answer') continue
    Object.assign(record, told)
    return verdict
  }
  return undefined
}

/** Steps that say the same as before are the same ones. */
export function sameSteps<S>(a: readonly S[], b: readonly S[]): boolean {
  return a === b || (a.length === b.length && a.every((step, i) => step === b[i]))
}
