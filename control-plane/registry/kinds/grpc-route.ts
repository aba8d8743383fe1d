import type { Fields, TextCheck } from '../fields.ts'
import { PATTERN, readRoute, type RouteKind } from './read-route.ts'
import type { RouteMatch, RouteObject } from './route.ts'

const SERVICE: TextCheck = { pattern: /^[A-Za-z_][\w.]{0,1023}$/, is: 'the full name of a gRPC service' }
const METHOD: TextCheck = { pattern: /^[A-Za-z_]\w{0,1023}$/, is: 'the name of a gRPC method' }

const GRPC_ROUTE: RouteKind = {
  kind: 'GRPCRoute',
  readTimeoutsAndRetry: () => ({
    requestTimeoutMs: undefined,
    backendTimeoutMs: undefined,
    retry: undefined,
  }),
  readMatch: (match) => ({
    path: undefined,
    method: undefined,
    grpc: readMethod(match.optionalMap('method')),
    query: [],
  }),
}

export function readGrpcRoute(object: Fields): RouteObject {
  return readRoute(object, GRPC_ROUTE)
}

function readMethod(method: Fields | undefined): RouteMatch['grpc'] {
  if (!method) return undefined
  const type = method.oneOf('type', ['Exact', 'RegularExpression']) ?? 'Exact'
  const service = method.text('service', type === 'Exact' ? SERVICE : PATTERN) ?? ''
  const name = method.text('method', type === 'Exact' ? METHOD : PATTERN) ?? ''
  if (!method.has('service') && !method.has('method')) method.problem('needs a service or a method')
  method.refuseUnknown()
  return { type, service, method: name }
}
