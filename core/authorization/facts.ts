/** What is known of a connection once its TLS has ended: all that rules may ask before a request is there. */
export interface ConnectionFacts {
  /** SPIFFE ID that mutual TLS showed; '': none. */
  readonly identity: string
  /** IP addresses without a port, as the sockets have them. */
  readonly sourceAddress: string
  readonly destinationAddress: string
  /** Where the connection was going. */
  readonly destinationPort: number
  /** Server name of TLS that is passed on, lower-case; '': none. */
  readonly sni: string
}

/** What is known of a request. Text of the wire is latin1: one character is one byte. */
export interface RequestFacts extends ConnectionFacts {
  readonly method: string
  /** As it came, with its port. */
  readonly authority: string
  /** After normalization, with its query; '' for CONNECT, `*` for OPTIONS of a server. */
  readonly path: string
  /** Every value of a field, in order. `name` is lower-case. */
  values(name: string): readonly string[]
  /** Of the token that was verified; undefined: there is none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
}
