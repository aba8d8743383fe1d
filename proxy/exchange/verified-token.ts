import type { RequestHead } from '../http/message.ts'

/** A token of a user whose signature, issuer, audience and times were verified. */
export interface VerifiedToken {
  readonly issuer: string
  /** '' where it has none. */
  readonly subject: string
  readonly audiences: readonly string[]
  /** All claims, as they are in its payload. */
  readonly claims: Readonly<Record<string, unknown>>
}

const VERIFIED = new WeakMap<RequestHead, VerifiedToken>()

/** What the steps behind the one that verified it see. */
export function setVerifiedToken(head: RequestHead, token: VerifiedToken): void {
  VERIFIED.set(head, token)
}

/** Undefined: the request shows none that was verified. */
export function verifiedToken(head: RequestHead): VerifiedToken | undefined {
  return VERIFIED.get(head)
}
