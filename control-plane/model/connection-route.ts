/** TLSRoutes or TCPRoutes of one Service port: whole connections follow them, and what no rule takes is closed. */
export interface ConnectionRoutes {
  readonly kind: 'tls' | 'tcp'
  /** No two take the same connection: of `tcp` there is one, of `tls` each server name stands once. */
  readonly rules: readonly ConnectionRule[]
}

export interface ConnectionRule {
  /** `TCPRoute/shop/db/0` */
  readonly name: string
  /** Of `tls`, exact or behind `*.`; empty: any connection of that kind. */
  readonly serverNames: readonly string[]
  /** Without one that is valid and weighs something every connection is refused. */
  readonly backends: readonly ConnectionBackend[]
}

export interface ConnectionBackend {
  /** `namespace/service/port`; undefined: the reference is invalid, and its share is refused. */
  readonly portKey: string | undefined
  readonly weight: number
}
