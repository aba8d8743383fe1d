/** A call that a client makes, `times` over. */
export interface Call {
  readonly kind: 'http' | 'tcp' | 'tls'
  readonly host: string
  readonly port: number
  readonly times?: number
  readonly family?: 4 | 6
  /** Of TLS (SNI); '' for none. */
  readonly serverName?: string
}
