import { durationMs } from '../../../core/duration.ts'
import { Fields } from '../../../control-plane/registry/fields.ts'
import type { Json, JsonObject } from '../../../injector/json-patch.ts'
import { listOf, mapOf, textOf, type WrittenObject } from '../../../local/problems/checked.ts'
import { backendPort } from '../backend-port.ts'
import { isJsonObject, type KnownObjects } from '../known-objects.ts'
import { GATEWAY_GROUP, routeManifest, withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { httpRuleProblem } from '../rule-problem.ts'
import { LinkerdAnnotations } from './annotations.ts'
import { hasServer, noteServerRoute } from './server-routes.ts'
import { hasRouteSettings, readRouteSettings, type RouteSettings } from './route-settings.ts'

/**
 * A route of policy.linkerd.io, or one of Gateway API with annotations of Linkerd, as one of Gateway API that says all of it.
 * Nothing where it is the latter without annotations.
 */
export function migrateRoute(
  object: WrittenObject,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const { raw, namespace, name, apiVersion } = object
  const kind = object.kind === 'GRPCRoute' ? 'GRPCRoute' : 'HTTPRoute'
  const annotations = new LinkerdAnnotations(new Fields(raw, [], []), notes)
  if (annotations.size === 0 && apiVersion.startsWith(`${GATEWAY_GROUP}/`)) return []
  const own = { namespace, name }
  if (hasServer(object)) noteServerRoute(object, notes)
  const asked = hasRouteSettings(annotations)
  const settings = readRouteSettings(annotations, notes)
  const spec = mapOf(raw['spec'])
  const parents = listOf(spec['parentRefs']).flatMap((ref, at) => readParent(ref, at, notes))
  if (parents.length === 0) return []
  if (asked && kind === 'GRPCRoute')
    notes.lost(
      ['metadata', 'annotations'],
      'retries and time-outs have no counterpart in a GRPCRoute',
      'have callers set grpc-timeout, or write an HTTPRoute with paths /SERVICE/METHOD',
    )
  const given = listOf(spec['rules'])
  const rules = (given.length > 0 ? given : [{}]).flatMap((rule, at): readonly JsonObject[] => {
    const field = ['spec', 'rules', at]
    if (!isJsonObject(rule)) {
      notes.lost(field, 'must be a map', 'correct it')
      return []
    }
    const complete = withBackend(rule, parents, { own, known, notes, field })
    if (kind === 'GRPCRoute') return [complete]
    const made = withSettings(complete, settings)
    const problem = httpRuleProblem(made)
    if (problem === undefined) return [made]
    const remedy = 'correct it and convert it again; until then its requests go by the other rules'
    notes.lost(field, `becomes no rule: ${problem}`, remedy)
    return []
  })
  if (rules.length === 0) return []
  const { hostnames } = spec
  const names = Array.isArray(hostnames) ? { hostnames: hostnames as Json[] } : {}
  // One of Gateway API is printed in place of itself.
  const id = apiVersion.startsWith(`${GATEWAY_GROUP}/`) ? own : { ...own, name: known.claim(kind, own) }
  return [routeManifest(kind, id, { parentRefs: parents, ...names, rules }, annotations.others)]
}

/** Linkerd calls the group of Services `core`. */
function readParent(ref: unknown, at: number, notes: Notes): readonly JsonObject[] {
  const parent = mapOf(ref)
  const group = textOf(parent['group'])
  if (parent['kind'] === 'Service' && (group === '' || group === 'core') && isJsonObject(ref))
    return [{ ...ref, group: '' }]
  // Of a Server: who may call, which is in what the Server becomes.
  if (parent['kind'] === 'Server') return []
  notes.lost(
    ['spec', 'parentRefs', at],
    `is a ${textOf(parent['kind']) || 'parent that is no Service'}, and routes of the mesh are for Services`,
    'name the Service',
  )
  return []
}

/** Linkerd sends what a rule names no backend for to the parent; Gateway API answers 500. */
function withBackend(
  rule: JsonObject,
  parents: readonly JsonObject[],
  at: {
    readonly own: ObjectId
    readonly known: KnownObjects
    readonly notes: Notes
    readonly field: readonly (string | number)[]
  },
): JsonObject {
  const redirects = listOf(rule['filters']).some((filter) => mapOf(filter)['type'] === 'RequestRedirect')
  const [parent] = parents
  if (listOf(rule['backendRefs']).length > 0 || redirects || !parent) return rule
  const namespace = textOf(parent['namespace']) || at.own.namespace
  const name = textOf(parent['name'])
  const said = typeof parent['port'] === 'number' ? parent['port'] : undefined
  const port = backendPort({ namespace, name }, said, undefined, at)
  const backend = withoutEmpty({
    namespace: namespace === at.own.namespace ? undefined : namespace,
    name,
    port,
  })
  return { ...rule, backendRefs: [backend] }
}

/** What the rule says itself goes before the annotations. */
function withSettings(rule: JsonObject, { timeouts, retry }: RouteSettings): JsonObject {
  const own = rule['timeouts']
  const both: JsonObject = { ...timeouts, ...(isJsonObject(own) && own) }
  const { backendRequest, ...others } = both
  const [one = 0, all = Infinity] = [backendRequest, both['request']].map((text) => durationMs(textOf(text)))
  return {
    ...rule,
    ...withoutEmpty({
      // The shorter one ends a request anyway, and Gateway API takes no other order.
      timeouts: one > all ? others : both,
      retry: rule['retry'] ?? retry,
    }),
  }
}
