/** What ties the requests of a session to one endpoint of a rule's backends (GEP-1619). */
export interface Session {
  readonly carrier: 'cookie' | 'header'
  /** Of the cookie or field. */
  readonly name: string
  /** Sessions of one scope are none of another, whatever they are called. */
  readonly scope: string
  /** The cookie's `Path` is the one that its rule matches; false: none is said. */
  readonly ownPath: boolean
  /** The cookie outlives the browser, until `absoluteMs` is over. */
  readonly permanent: boolean
  /** Milliseconds since the session began; undefined: it lasts. */
  readonly absoluteMs: number | undefined
  /** Milliseconds since it was used. */
  readonly idleMs: number | undefined
}
