/** How a try against an endpoint ended, as far as it tells of the endpoint. */
export type TryOutcome =
  /** The head of a final response is here; its status says what is in it. */
  | 'answered'
  /** Its sidecar turned the request away, for a limit: it is at its most, or the caller is, and nothing is wrong with it. */
  | 'shed'
  | 'connect-failure'
  /** The connection or the stream broke after the request went out. */
  | 'reset'
  /** The server said that it did not process it. */
  | 'refused'
  | 'timeout'
  /** Our side gave it up, or it met the end of a connection that had waited: says nothing about the endpoint. */
  | 'cancelled'
