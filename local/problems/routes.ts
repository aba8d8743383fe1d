import type { Problem } from '../../core/problem.ts'
import { canaryProblems } from '../../control-plane/problems/canary-problems.ts'
import { routeProblems } from '../../control-plane/problems/route-problems.ts'
import type { ConnectionRouteObject } from '../../control-plane/registry/kinds/connection-route.ts'
import type { RouteObject } from '../../control-plane/registry/kinds/route.ts'
import type { Snapshot } from '../../control-plane/registry/snapshot.ts'
import { listOf, mapOf, problemOf, textOf, type CheckedObject } from './checked.ts'
import type { ManifestMesh } from './manifest-mesh.ts'

const ROUTES = new Set(['HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute', 'UDPRoute'])

/** Routes that the control plane would not, or not wholly, put in force, and those that mean something else here. */
export function manifestRouteProblems(
  objects: readonly CheckedObject[],
  { snapshot, mesh, byName }: ManifestMesh,
): Problem[] {
  // Whether a Service that has a mistake of its own would do, nobody can say before that is mended.
  const refused = new Set(
    objects.flatMap((one) => (one.kind === 'Service' && one.refused ? `${one.namespace}/${one.name}` : [])),
  )
  const telling = mesh.routeProblems.filter(
    ({ service, field }) => field.endsWith('.name') || service === undefined || !refused.has(service),
  )
  const bound = [...routeProblems({ ...mesh, routeProblems: telling }), ...canaryProblems(snapshot)].flatMap(
    (problem) => {
      const object = byName.get(`${problem.kind} ${problem.namespace}/${problem.name}`)
      return object
        ? [problemOf(object, problem.code, problem.field, problem.severity, problem.message, problem.remedy)]
        : []
    },
  )
  const grants = objects.filter(({ kind }) => kind === 'ReferenceGrant')
  const others = objects.flatMap((object) => [
    ...(ROUTES.has(object.kind) ? parentProblems(object, snapshot) : []),
    ...foreignBackends(object, snapshot, grants),
    ...notServed(object),
  ])
  return [...bound, ...others]
}

/** Parents that are no Service: what a Gateway has to do with is not for pods of the mesh. */
function parentProblems(object: CheckedObject, { services }: Snapshot): Problem[] {
  const refs = listOf(mapOf(object.raw['spec'])['parentRefs'])
  if (refs.length === 0) {
    const remedy = "add parentRefs: [{ group: '', kind: Service, name: THE-SERVICE }]"
    return [
      problemOf(object, 'WEFT0106', 'spec', 'warning', 'has no parentRefs, so it decides nothing', remedy),
    ]
  }
  return refs.flatMap((value, index) => {
    const ref = mapOf(value)
    const kind = textOf(ref['kind']) || 'Gateway'
    if (kind === 'Service') return []
    const name = textOf(ref['name'])
    const namespace = textOf(ref['namespace']) || object.namespace
    const path = ['spec', 'parentRefs', index]
    const write = (service: string): string => `write { group: '', kind: Service, name: ${service} }`
    if (ref['kind'] === undefined && services.has(`${namespace}/${name}`)) {
      const message = `says no kind, and so means a Gateway ${name}: the Service ${name} is not its parent`
      return [problemOf(object, 'WEFT0107', path, 'error', message, write(name))]
    }
    const message = `is a ${kind}, which Weft does not serve: between pods the route decides nothing by it`
    return [
      problemOf(
        object,
        'WEFT0107',
        path,
        'warning',
        message,
        `for traffic between pods ${write('THE-SERVICE')}`,
      ),
    ]
  })
}

/** Gateway API wants a ReferenceGrant for backends of another namespace; Weft asks for none. */
function foreignBackends(
  object: CheckedObject,
  { services }: Snapshot,
  grants: readonly CheckedObject[],
): Problem[] {
  const { mesh } = object
  if (!mesh || !('parentRefs' in mesh)) return []
  return mesh.rules.flatMap(({ backendRefs }, rule) =>
    backendRefs.flatMap(({ namespace, name }, index) => {
      if (namespace === object.namespace || !services.has(`${namespace}/${name}`)) return []
      if (grants.some((grant) => grant.namespace === namespace && allows(grant, mesh, name))) return []
      const path = ['spec', 'rules', rule, 'backendRefs', index, 'namespace']
      const message = `Service ${name} is in another namespace: Weft sends there, others refuse it without a ReferenceGrant`
      const remedy = `add a ReferenceGrant in namespace ${namespace}, from ${mesh.kind} of namespace ${object.namespace} to Service`
      return [problemOf(object, 'WEFT0108', path, 'warning', message, remedy)]
    }),
  )
}

/** Source: Gateway API, ReferenceGrant: one of `from` and one of `to` must fit; without a name all are meant. */
function allows(
  grant: CheckedObject,
  route: Pick<RouteObject | ConnectionRouteObject, 'kind' | 'meta'>,
  service: string,
): boolean {
  const spec = mapOf(grant.raw['spec'])
  const from = listOf(spec['from']).map(mapOf)
  const to = listOf(spec['to']).map(mapOf)
  return (
    from.some((one) => one['kind'] === route.kind && one['namespace'] === route.meta.namespace) &&
    to.some((one) => one['kind'] === 'Service' && (one['name'] === undefined || one['name'] === service))
  )
}

function notServed(object: CheckedObject): Problem[] {
  if (!object.apiVersion.startsWith('gateway.networking.k8s.io/')) return []
  const remedy: Readonly<Record<string, string>> = {
    Gateway: 'keep the ingress that is there; on one machine --expose makes a Service reachable',
    UDPRoute: 'take it out: UDP follows its Service',
    BackendTLSPolicy: 'take it out: the mesh makes TLS between pods by itself',
  }
  const own = Object.hasOwn(remedy, object.kind) ? remedy[object.kind] : undefined
  return own === undefined
    ? []
    : [problemOf(object, 'WEFT0109', 'kind', 'warning', `Weft does not serve a ${object.kind}`, own)]
}
