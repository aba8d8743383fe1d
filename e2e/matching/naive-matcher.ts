// Which rule a request follows, written from the text of Gateway API (v1.6, the comments of HTTPRoute and GRPCRoute; GEP-1294
// and GEP-1686 for the mesh) and from nothing of ours: as plain as it can be, for the proxy to be held to.

/** A route as its author writes it. */
export interface WrittenRoute {
  readonly apiVersion: string
  readonly kind: 'HTTPRoute' | 'GRPCRoute'
  readonly metadata: { readonly namespace: string; readonly name: string; readonly creationTimestamp: string }
  readonly spec: {
    readonly hostnames?: readonly string[]
    readonly parentRefs: readonly {
      readonly group: string
      readonly kind: string
      readonly namespace: string
      readonly name: string
      readonly port?: number
    }[]
    readonly rules: readonly {
      readonly matches?: readonly WrittenMatch[]
      readonly backendRefs: readonly object[]
    }[]
  }
}

interface WrittenValue {
  readonly type?: 'Exact' | 'RegularExpression'
  readonly name: string
  readonly value: string
}

export interface WrittenMatch {
  readonly path?: { readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value?: string }
  /** Of HTTPRoute a word, of GRPCRoute a service and its method. */
  readonly method?:
    | string
    | { readonly type?: 'Exact' | 'RegularExpression'; readonly service?: string; readonly method?: string }
  readonly headers?: readonly WrittenValue[]
  readonly queryParams?: readonly WrittenValue[]
}

export interface MeshRequest {
  readonly clientNamespace: string
  /** The Service and port that it was sent to, whatever its host says. */
  readonly service: { readonly namespace: string; readonly name: string }
  readonly port: number
  readonly method: string
  readonly path: string
  readonly query: readonly (readonly [name: string, value: string])[]
  /** Names in lower case, each once. */
  readonly headers: Readonly<Record<string, string>>
}

interface Candidate {
  readonly route: WrittenRoute
  readonly rule: number
  readonly match: WrittenMatch
}

/** `HTTPRoute/shop/web/0`; `service` where no route is bound, so that the Service is as it is; `none`: 404. */
export function naiveMatch(routes: readonly WrittenRoute[], request: MeshRequest): string {
  const bound = routesFor(routes, request)
  if (bound.length === 0) return 'service'
  const candidates: Candidate[] = []
  for (const route of bound)
    for (const [rule, { matches }] of route.spec.rules.entries())
      for (const match of matches && matches.length > 0 ? matches : [{}])
        if (holds(route.kind, match, request)) candidates.push({ route, rule, match })
  const [first] = candidates.sort(byPrecedence)
  if (!first) return 'none'
  const { kind, metadata } = first.route
  return `${kind}/${metadata.namespace}/${metadata.name}/${first.rule}`
}

/**
 * GEP-1686: routes of the client's own namespace for a Service of another one are before those of the Service's namespace; other
 * routes are not for this client. GEP-1426: of two kinds at one port, GRPCRoute has it.
 */
function routesFor(routes: readonly WrittenRoute[], request: MeshRequest): readonly WrittenRoute[] {
  const { service, port, clientNamespace } = request
  const attached = routes.filter(({ spec }) =>
    spec.parentRefs.some(
      (ref) =>
        ref.namespace === service.namespace &&
        ref.name === service.name &&
        (ref.port === undefined || ref.port === port),
    ),
  )
  const of = (namespace: string) => attached.filter(({ metadata }) => metadata.namespace === namespace)
  const own = of(clientNamespace)
  const audience = own.length > 0 ? own : of(service.namespace)
  const grpc = audience.filter(({ kind }) => kind === 'GRPCRoute')
  return grpc.length > 0 ? grpc : audience
}

/** "A request must match all": path AND headers AND query parameters AND method. */
function holds(kind: WrittenRoute['kind'], match: WrittenMatch, request: MeshRequest): boolean {
  const { method } = match
  if (kind === 'GRPCRoute') {
    if (!(request.headers['content-type'] ?? '').startsWith('application/grpc')) return false
    if (!callHolds(typeof method === 'object' ? method : {}, request.path)) return false
  } else {
    if (!pathHolds(match.path ?? {}, request.path)) return false
    if (typeof method === 'string' && method !== request.method) return false
  }
  const parameters = new Map(request.query.toReversed())
  return (
    // "Name matching MUST be case-insensitive", "only the first entry with an equivalent name MUST be considered".
    distinct(match.headers, true).every((one) => valueHolds(one, request.headers[one.name.toLowerCase()])) &&
    // "This must be an exact string match"; of a repeated parameter the first value, as recommended.
    distinct(match.queryParams, false).every((one) => valueHolds(one, parameters.get(one.name)))
  )
}

/** "Matching is done on a path element by element basis", "a trailing / is ignored". */
function pathHolds(
  { type = 'PathPrefix', value = '/' }: NonNullable<WrittenMatch['path']>,
  path: string,
): boolean {
  if (type === 'Exact') return path === value
  if (type === 'RegularExpression') return wholly(value, path)
  const wanted = withoutTrailingSlash(value).split('/')
  return wanted.every((element, i) => path.split('/')[i] === element)
}

/** "If left empty or omitted, will match any service" (and any method). */
function callHolds(
  { type = 'Exact', service = '', method = '' }: Exclude<NonNullable<WrittenMatch['method']>, string>,
  path: string,
): boolean {
  const [, calledService = '', calledMethod = ''] = path.split('/')
  const part = (wanted: string, given: string): boolean =>
    wanted === '' || (type === 'Exact' ? given === wanted : wholly(wanted, given))
  return part(service, calledService) && part(method, calledMethod)
}

function valueHolds({ type = 'Exact', value }: WrittenValue, given: string | undefined): boolean {
  if (given === undefined) return false
  return type === 'Exact' ? given === value : wholly(value, given)
}

/** Precedence, "continuing on ties". */
function byPrecedence(a: Candidate, b: Candidate): number {
  const [one, two] = [criteria(a), criteria(b)]
  for (const [i, value] of one.entries()) {
    const other = two[i] as number
    if (value !== other) return other - value
  }
  const age = Date.parse(a.route.metadata.creationTimestamp) - Date.parse(b.route.metadata.creationTimestamp)
  if (age !== 0) return age
  const names = [a, b].map(({ route: { metadata } }) => `${metadata.namespace}/${metadata.name}`)
  if (names[0] !== names[1]) return (names[0] as string) < (names[1] as string) ? -1 : 1
  return a.rule - b.rule
}

/** In order; more is before less. */
function criteria({ route, match }: Candidate): readonly number[] {
  const headers = distinct(match.headers, true).length
  if (route.kind === 'GRPCRoute') {
    const { service = '', method = '' } = typeof match.method === 'object' ? match.method : {}
    return [service.length, method.length, headers]
  }
  const { type = 'PathPrefix', value = '/' } = match.path ?? {}
  return [
    type === 'Exact' ? 1 : 0,
    // "The precedence of RegularExpression path matches are implementation-specific": here before prefixes, longest first.
    type === 'RegularExpression' ? 1 + value.length : 0,
    type === 'PathPrefix' ? withoutTrailingSlash(value).length : 0,
    match.method === undefined ? 0 : 1,
    headers,
    distinct(match.queryParams, false).length,
  ]
}

function distinct(values: readonly WrittenValue[] = [], fold: boolean): readonly WrittenValue[] {
  const nameOf = ({ name }: WrittenValue): string => (fold ? name.toLowerCase() : name)
  return values.filter((one, at) => values.findIndex((other) => nameOf(other) === nameOf(one)) === at)
}

function wholly(pattern: string, text: string): boolean {
  return new RegExp(`^(?:${pattern})$`, 's').test(text)
}

function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
