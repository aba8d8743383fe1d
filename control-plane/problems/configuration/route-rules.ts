import type { Problem } from '../../../core/problem.ts'
import type { ConnectionRouteObject } from '../../registry/kinds/connection-route.ts'
import type { BackendRef, RouteObject, RouteRule } from '../../registry/kinds/route.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { DEFAULT_RETRIES, RETRY_ANNOTATION } from '../../translate/rules.ts'
import { findingOf, nameOf, type CheckedMesh } from './checked-mesh.ts'

/** RFC 9110, section 9.2.2: repeating one does no more than sending it once. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** What is odd about rules of routes, each by itself. */
export function routeRuleFindings({ snapshot }: CheckedMesh): Problem[] {
  const { httpRoutes, grpcRoutes, tlsRoutes, tcpRoutes } = snapshot
  return [
    ...[...httpRoutes.values(), ...grpcRoutes.values()].flatMap((route) => [
      ...hostnames(route),
      ...route.rules.flatMap((rule, index) => {
        const field = `spec.rules[${index}]`
        return [
          ...backends(route, rule, field, snapshot),
          ...mirrors(route, rule, field),
          ...writes(route, rule, field),
          ...timeouts(route, rule, field),
        ]
      }),
    ]),
    ...[...tlsRoutes.values(), ...tcpRoutes.values()].flatMap((route) =>
      route.rules.flatMap((rule, index) =>
        backends(route, { ...rule, filters: [] }, `spec.rules[${index}]`, snapshot),
      ),
    ),
  ]
}

function hostnames(route: RouteObject): Problem[] {
  if (route.hostnames.length === 0 || !route.parentRefs.every(({ kind }) => kind === 'Service')) return []
  const message = `decides nothing: its parents are Services, and ${route.hostnames.join(', ')} may be any name of theirs`
  const remedy = 'take it out, or match the field host by a rule if that is meant'
  return [findingOf('WEFT0128', nameOf(route), 'spec.hostnames', { message, remedy })]
}

type Route = RouteObject | ConnectionRouteObject

function backends(
  route: Route,
  { backendRefs, filters }: Pick<RouteRule, 'backendRefs' | 'filters'>,
  field: string,
  snapshot: Snapshot,
): Problem[] {
  const own = nameOf(route)
  const place = `${field}.backendRefs`
  if (filters.some(({ type }) => type === 'RequestRedirect')) return []
  if (backendRefs.length === 0) {
    const message = 'has no backend, so that every request that it matches is answered with 500'
    return [findingOf('WEFT0122', own, field, { message, remedy: 'add backendRefs' })]
  }
  if (backendRefs.every(({ weight }) => weight === 0)) {
    const message = 'has only backends of weight 0, so that everything that it matches fails'
    return [findingOf('WEFT0122', own, place, { message, remedy: 'give one of them a weight' })]
  }
  return [
    ...twice(own, backendRefs, place),
    ...lonely(own, backendRefs, place),
    ...idle(route, backendRefs, place, snapshot),
  ]
}

function twice(own: ReturnType<typeof nameOf>, refs: readonly BackendRef[], place: string): Problem[] {
  return refs.flatMap((ref, index) => {
    const first = refs.findIndex((one) => keyOfRef(one) === keyOfRef(ref))
    if (first === index) return []
    return [
      findingOf('WEFT0123', own, `${place}[${index}]`, {
        message: `is ${nameOfRef(ref)} again, as ${place}[${first}] is: together they get ${ref.weight + (refs[first]?.weight ?? 0)} parts`,
        remedy: `keep one, with weight ${ref.weight + (refs[first]?.weight ?? 0)}`,
      }),
    ]
  })
}

function lonely(own: ReturnType<typeof nameOf>, refs: readonly BackendRef[], place: string): Problem[] {
  const [only, ...more] = refs
  if (!only || more.length > 0 || only.weight === 1) return []
  return [
    findingOf('WEFT0124', own, `${place}[0].weight`, {
      message: `is ${only.weight}, and ${nameOfRef(only)} gets everything: there is no other backend`,
      remedy: 'take it out, or add the other backend',
    }),
  ]
}

function idle(route: Route, refs: readonly BackendRef[], place: string, snapshot: Snapshot): Problem[] {
  const { namespace, name } = route.meta
  const moved = [...snapshot.canaries.values()].some(
    ({ meta, spec }) =>
      meta.namespace === namespace && spec.route.kind === route.kind && spec.route.name === name,
  )
  if (moved) return []
  return refs.flatMap((ref, index) => {
    if (ref.weight !== 0) return []
    return [
      findingOf('WEFT0129', nameOf(route), `${place}[${index}]`, {
        message: `${nameOfRef(ref)} has weight 0 and gets no request; no Canary moves this route`,
        remedy: 'take it out, give it a weight, or add a Canary',
      }),
    ]
  })
}

function mirrors(route: RouteObject, { filters, backendRefs }: RouteRule, field: string): Problem[] {
  return filters.flatMap((filter, index) => {
    if (filter.type !== 'RequestMirror') return []
    if (!backendRefs.some((ref) => ref.weight > 0 && keyOfRef(ref) === keyOfRef(filter.backend))) return []
    return [
      findingOf('WEFT0127', nameOf(route), `${field}.filters[${index}]`, {
        message: `copies requests to ${nameOfRef(filter.backend)}, which is a backend of the same rule and so gets them twice`,
        remedy: 'mirror to a Service that serves nobody yet',
      }),
    ]
  })
}

function writes(route: RouteObject, { matches, retry }: RouteRule, field: string): Problem[] {
  if (route.meta.annotations[RETRY_ANNOTATION] !== 'true' || retry?.attempts === 0) return []
  const methods = matches.length === 0 ? [undefined] : matches.map(({ method }) => method)
  const unsafe = methods.filter((method) => method === undefined || !IDEMPOTENT.has(method))
  if (unsafe.length === 0) return []
  const named = [...new Set(unsafe.filter((method) => method !== undefined))].join(', ')
  const which = named === '' ? 'takes every method, POST among them' : `takes ${named}`
  return [
    findingOf('WEFT0125', nameOf(route), field, {
      message: `${which}, and ${RETRY_ANNOTATION} has what may have reached the server sent again`,
      remedy: `match methods that may be repeated (GET, PUT, DELETE), or take ${RETRY_ANNOTATION} out`,
      effect: 'A write may happen twice.',
    }),
  ]
}

function timeouts(route: RouteObject, rule: RouteRule, field: string): Problem[] {
  const { requestTimeoutMs, backendTimeoutMs, retry } = rule
  if (!requestTimeoutMs || !backendTimeoutMs || !retry) return []
  const tries = 1 + (retry.attempts ?? DEFAULT_RETRIES)
  if (tries === 1 || backendTimeoutMs * tries <= requestTimeoutMs) return []
  const fit = Math.floor(requestTimeoutMs / backendTimeoutMs)
  return [
    findingOf('WEFT0126', nameOf(route), `${field}.timeouts.request`, {
      message: `is ${requestTimeoutMs} ms, in which ${fit} of ${tries} tries of ${backendTimeoutMs} ms fit`,
      remedy: `write at least ${backendTimeoutMs * tries}ms, or let retry.attempts be ${Math.max(0, fit - 1)}`,
    }),
  ]
}

function keyOfRef({ group, kind, namespace, name, port }: BackendRef): string {
  return JSON.stringify([group, kind, namespace, name, port])
}

function nameOfRef({ name, port }: BackendRef): string {
  return `Service ${name}${port === undefined ? '' : `:${port}`}`
}
