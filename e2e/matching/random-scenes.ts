import fc from 'fast-check'
import type { MeshRequest, WrittenMatch, WrittenRoute } from './naive-matcher.ts'

/** Routes of one mesh, and requests to its Services. */
export interface Scene {
  readonly routes: readonly WrittenRoute[]
  readonly requests: readonly MeshRequest[]
}

export const SERVICES = [
  { namespace: 'shop', name: 'web', address: '10.96.0.1' },
  { namespace: 'shop', name: 'api', address: '10.96.0.2' },
]
export const PORTS = [80, 81]
/** Of clients and of routes: that of the Services, and others. */
const NAMESPACES = ['shop', 'shop', 'shop', 'a-team', 'team']

// Few values, so that rules meet each other and requests meet rules.

const PATHS = ['/', '/a', '/a/', '/a/b', '/a/b/', '/ab', '/a/b/c', '/A', '/a.b']
const PATH_PATTERNS = ['/a.*', '/[ab]+', '/a/(b|c)', '.*', '/a\\.b']
const VALUES = ['1', '2', 'a b', 'A']
const VALUE_PATTERNS = ['1|2', '.', '[0-9]+', 'a.*']
const SERVICE_NAMES = ['shop.Cat', 'shop.Cart', 'x']
const METHOD_NAMES = ['Get', 'GetAll']
// Some as long as a name that they match.
const CALL_PATTERNS = ['shop\\..*', '(Get)?', 'Get.*', '.*']
const HTTP_METHODS = ['GET', 'POST', 'DELETE']

/** Unset as often as set. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 })

/** What a scene is about. */
type Kind = 'http' | 'grpc' | 'both'

const MOSTLY_THE_FIRST = [SERVICES[0], SERVICES[0], SERVICES[0], SERVICES[1]].filter(
  (one) => one !== undefined,
)

/** Without what is unset: nobody writes that. */
const written = <T extends object>(shape: { [K in keyof T]-?: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc
    .record(shape)
    .map((value) => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T)

const matchedValues = (names: readonly string[]) =>
  fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ name: fc.constantFrom(...names), value: fc.constantFrom(...VALUES) }),
      },
      fc.record({
        type: fc.constant('RegularExpression' as const),
        name: fc.constantFrom(...names),
        value: fc.constantFrom(...VALUE_PATTERNS),
      }),
    ),
    { minLength: 1, maxLength: 3 },
  )
const headers = matchedValues(['x-a', 'X-A', 'x-b', 'X-C'])

const httpMatch: fc.Arbitrary<WrittenMatch> = written<WrittenMatch>({
  path: maybe(
    fc.oneof(
      written<{ type?: 'Exact' | 'PathPrefix'; value?: string }>({
        type: maybe(fc.constantFrom('Exact', 'PathPrefix')),
        value: maybe(fc.constantFrom(...PATHS)),
      }),
      fc.record({
        type: fc.constant('RegularExpression' as const),
        value: fc.constantFrom(...PATH_PATTERNS),
      }),
    ),
  ),
  method: maybe(fc.constantFrom(...HTTP_METHODS)),
  headers: maybe(headers),
  queryParams: maybe(matchedValues(['q', 'Q', 'r'])),
})

const call = fc
  .oneof(
    written<{ type?: 'Exact'; service?: string; method?: string }>({
      type: maybe(fc.constant('Exact' as const)),
      service: maybe(fc.constantFrom(...SERVICE_NAMES)),
      method: maybe(fc.constantFrom(...METHOD_NAMES)),
    }),
    written<{ type?: 'RegularExpression'; service?: string; method?: string }>({
      type: fc.constant('RegularExpression' as const),
      service: maybe(fc.constantFrom(...CALL_PATTERNS)),
      method: maybe(fc.constantFrom(...CALL_PATTERNS)),
    }),
  )
  .filter(({ service, method }) => service !== undefined || method !== undefined)
const grpcMatch: fc.Arbitrary<WrittenMatch> = written<WrittenMatch>({
  path: fc.constant(undefined),
  method: maybe(call),
  headers: maybe(headers),
  queryParams: fc.constant(undefined),
})

function routeOf(kind: WrittenRoute['kind'], match: fc.Arbitrary<WrittenMatch>): fc.Arbitrary<WrittenRoute> {
  const rule = written<WrittenRoute['spec']['rules'][number]>({
    matches: maybe(fc.array(match, { maxLength: 3 })),
    backendRefs: fc.constant([{ name: 'web', namespace: 'shop', port: 80 }]),
  })
  const parent = fc
    .tuple(fc.constantFrom(...MOSTLY_THE_FIRST), maybe(fc.constantFrom(...PORTS)))
    .map(([{ namespace, name }, port]) => ({
      group: '',
      kind: 'Service',
      namespace,
      name,
      ...(port === undefined ? {} : { port }),
    }))
  return fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
      hostnames: maybe(fc.constant(['other.example'])),
      parents: fc.array(parent, { minLength: 1, maxLength: 2 }),
      rules: fc.array(rule, { minLength: 1, maxLength: 6 }),
    })
    .map(({ namespace, name, created, hostnames, parents, rules }) => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind,
      metadata: { namespace, name, creationTimestamp: created },
      spec: { parentRefs: parents, rules, ...(hostnames ? { hostnames } : {}) },
    }))
}

/** Of one kind and name there is one in a namespace, and of parents none stands twice. */
function identity({ kind, metadata }: WrittenRoute): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`
}

const httpAsked = fc.record({
  method: fc.constantFrom(...HTTP_METHODS, 'HEAD'),
  path: fc.constantFrom(...PATHS, '/a/c', '/axb', '/b'),
  query: fc.array(fc.tuple(fc.constantFrom('q', 'Q', 'r'), fc.constantFrom(...VALUES)), { maxLength: 3 }),
  type: fc.constant(undefined),
})
const grpcAsked = fc.record({
  method: fc.constant('POST'),
  path: fc
    .tuple(fc.constantFrom(...SERVICE_NAMES), fc.constantFrom(...METHOD_NAMES))
    .map(([service, method]) => `/${service}/${method}`),
  query: fc.constant([]),
  type: fc.constantFrom('application/grpc', 'application/grpc', 'application/grpc+proto', 'application/json'),
})

function requestOf(kind: Kind): fc.Arbitrary<MeshRequest> {
  return fc
    .record({
      clientNamespace: fc.constantFrom(...NAMESPACES),
      service: fc.constantFrom(...MOSTLY_THE_FIRST),
      port: fc.constantFrom(...PORTS),
      headers: fc.dictionary(fc.constantFrom('x-a', 'x-b', 'x-c'), fc.constantFrom('1', ...VALUES, '')),
      asked: kind === 'http' ? httpAsked : kind === 'grpc' ? grpcAsked : fc.oneof(httpAsked, grpcAsked),
    })
    .map(({ headers, asked: { type, ...asked }, ...to }) => ({
      ...to,
      ...asked,
      headers: type === undefined ? headers : { ...headers, 'content-type': type },
    }))
}

/** `requests`: how many each scene has. */
export function scenes(requests: number): fc.Arbitrary<Scene> {
  const ofKind: Readonly<Record<Kind, fc.Arbitrary<WrittenRoute>>> = {
    http: routeOf('HTTPRoute', httpMatch),
    grpc: routeOf('GRPCRoute', grpcMatch),
    both: fc.oneof(routeOf('HTTPRoute', httpMatch), routeOf('GRPCRoute', grpcMatch)),
  }
  return fc.constantFrom<Kind>('http', 'http', 'grpc', 'grpc', 'both').chain((kind) =>
    fc.record({
      routes: fc.uniqueArray(ofKind[kind], { minLength: 1, maxLength: 6, selector: identity }),
      requests: fc.array(requestOf(kind), { minLength: requests, maxLength: requests }),
    }),
  )
}
