/** What a pod's sidecar does to the heads that its application gets, beyond paths. */
export interface HeadRules {
  /** Names of HTTP/1.1 fields as they were written, or in lower case. */
  readonly fieldCase: 'keep' | 'lower'
  /** x-forwarded-for and its kin: passed as they come, with the caller added, or the caller alone. */
  readonly forwarded: 'off' | 'append' | 'sanitize'
}

/** What a sidecar does that is told nothing. */
export const PLAIN_HEADS: HeadRules = { fieldCase: 'keep', forwarded: 'off' }
