// Which TLSRoute or TCPRoute a connection follows, as naive-matcher.ts is for requests: from the text of Gateway API (v1.6,
// Hostname and the comments of TLSRoute and TCPRoute) alone.

/** A route as its author writes it. */
export interface WrittenConnectionRoute {
  readonly apiVersion: string
  readonly kind: 'TLSRoute' | 'TCPRoute'
  readonly metadata: { readonly namespace: string; readonly name: string; readonly creationTimestamp: string }
  readonly spec: {
    readonly hostnames?: readonly string[]
    readonly parentRefs: readonly {
      readonly group: string
      readonly kind: string
      readonly namespace: string
      readonly name: string
    }[]
    readonly rules: readonly { readonly backendRefs: readonly object[] }[]
  }
}

export interface MeshConnection {
  readonly clientNamespace: string
  readonly service: { readonly namespace: string; readonly name: string }
  /** Of TLS, '' where the client names none; undefined: it is no TLS. */
  readonly serverName: string | undefined
}

/** `TLSRoute/shop/a/0`; `service` where no route is bound, `closed` where none takes it. */
export function naiveConnection(routes: readonly WrittenConnectionRoute[], to: MeshConnection): string {
  const attached = routes.filter(({ spec }) =>
    spec.parentRefs.some(
      ({ namespace, name }) => namespace === to.service.namespace && name === to.service.name,
    ),
  )
  // As for requests: the client's namespace before the Service's, never both, and one kind alone.
  const of = (namespace: string) => attached.filter(({ metadata }) => metadata.namespace === namespace)
  const own = of(to.clientNamespace)
  const bound = own.length > 0 ? own : of(to.service.namespace)
  if (bound.length === 0) return 'service'
  const tls = bound.filter(({ kind }) => kind === 'TLSRoute')
  if (tls.length === 0) return nameOf(bound.toSorted(byAge)[0])
  const { serverName } = to
  if (serverName === undefined) return 'closed'
  const candidates = tls.flatMap((route) =>
    (route.spec.hostnames ?? ['']).map((hostname) => ({ route, rank: rankOf(hostname, serverName) })),
  )
  const [best] = candidates
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => b.rank - a.rank || byAge(a.route, b.route))
  return best ? nameOf(best.route) : 'closed'
}

/**
 * How precisely a hostname says the server name; below 0: not at all. "A match for `*.example.com` would match both
 * `test.example.com`, and `foo.test.example.com`, but not `example.com`." '' is that of a route without hostnames.
 */
function rankOf(hostname: string, serverName: string): number {
  if (hostname === '') return 0
  if (!hostname.startsWith('*.')) return hostname === serverName ? Infinity : -1
  const labels = hostname.split('.').slice(1)
  const given = serverName.split('.')
  const tail = given.slice(-labels.length)
  return given.length > labels.length && labels.every((label, i) => label === tail[i]) ? hostname.length : -1
}

function byAge({ metadata: a }: WrittenConnectionRoute, { metadata: b }: WrittenConnectionRoute): number {
  const age = Date.parse(a.creationTimestamp) - Date.parse(b.creationTimestamp)
  return age || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}

function nameOf(route: WrittenConnectionRoute | undefined): string {
  return `${route?.kind}/${route?.metadata.namespace}/${route?.metadata.name}/0`
}
