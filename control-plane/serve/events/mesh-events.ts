import { isDeepStrictEqual } from 'node:util'
import type { MeshEvent } from '../../../core/api/traffic.ts'
import type { EndpointGroup, Mesh, RouteTable } from '../../model/mesh.ts'
import type { PolicyStatus } from '../../model/policy-status.ts'
import type { RouteGroup } from '../../model/route.ts'
import { serviceId } from '../graph/topology.ts'

export type Told = Omit<MeshEvent, 'at'>

/** What changed from one version of the mesh to the next, in words. What did not change keeps its identity. */
export function meshEvents(before: Mesh, now: Mesh): Told[] {
  return [
    ...serviceEvents(before, now),
    ...routeEvents(before, now),
    ...endpointEvents(before, now),
    ...policyEvents(before.policyStatus, now.policyStatus),
    ...rolloutEvents(before, now),
  ]
}

function* serviceEvents(before: Mesh, now: Mesh): Generator<Told> {
  for (const [key, , one] of differences(before.services, now.services)) {
    const was = before.services.has(key)
    if (was && one) continue
    const [namespace = '', name = ''] = key.split('/')
    const text = one ? 'The Service is new.' : 'The Service is gone.'
    yield { kind: 'service', namespace, object: `Service/${name}`, service: serviceId(key), text }
  }
}

/** One of each route and Service, whatever of its rules changed. */
function* routeEvents(before: Mesh, now: Mesh): Generator<Told> {
  for (const [portKey, was, is] of differences(before.routes, now.routes)) {
    const old = describedRoutes(was)
    const next = describedRoutes(is)
    for (const route of new Set([...old.keys(), ...next.keys()])) {
      const text = next.get(route)
      if (text === old.get(route)) continue
      const [kind = '', namespace = '', name = ''] = route.split('/')
      const service = serviceId(portKey)
      const said =
        text === undefined ? 'The route is gone.' : old.has(route) ? `Changed: ${text}` : `New: ${text}`
      yield { kind: 'route', namespace, object: `${kind}/${name}`, service, text: said }
    }
  }
}

/** What each route does, in words, by `HTTPRoute/shop/catalog`. */
function describedRoutes(table: RouteTable | undefined): Map<string, string> {
  const rules = new Map<string, Map<string, string>>()
  for (const group of table ? [table.producer, ...table.consumers.values()] : [])
    for (const { name, text } of describedRules(group)) {
      const route = name.split('/').slice(0, 3).join('/')
      rules.set(route, (rules.get(route) ?? new Map<string, string>()).set(name, text))
    }
  return new Map([...rules].map(([route, texts]) => [route, `${[...new Set(texts.values())].join('; ')}.`]))
}

function* describedRules(group: RouteGroup | undefined): Generator<{ name: string; text: string }> {
  if (!group) return
  if (!('entries' in group)) {
    for (const { name, backends } of group.rules) yield { name, text: sharesText(backends) }
    return
  }
  for (const { rule } of group.entries)
    yield {
      name: rule.name,
      text: rule.action.kind === 'redirect' ? 'redirects' : sharesText(rule.action.backends),
    }
}

function sharesText(
  backends: readonly { readonly portKey: string | undefined; readonly weight: number }[],
): string {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0)
  const parts = backends.map(({ portKey, weight }) => {
    const share = total === 0 ? 0 : Math.round((weight / total) * 1000) / 10
    return `${share} % to ${portKey === undefined ? 'no Service' : serviceId(portKey)}`
  })
  return parts.length === 0 ? 'leads nowhere' : parts.join(', ')
}

/** Ready endpoints of each Service that has fewer or more of them, whichever of its ports they are of. */
function* endpointEvents(before: Mesh, now: Mesh): Generator<Told> {
  const changed = new Set<string>()
  for (const [portKey] of differences(before.endpoints, now.endpoints))
    changed.add(portKey.slice(0, portKey.lastIndexOf('/')))
  for (const key of changed) {
    const was = before.services.has(key) ? readyOf(before, key) : undefined
    const is = readyOf(now, key)
    if (was === undefined || was === is || !now.services.has(key)) continue
    const [namespace = '', name = ''] = key.split('/')
    const text =
      is === 0
        ? `No endpoint is ready any more; there were ${was}.`
        : `${is} ${is === 1 ? 'endpoint is' : 'endpoints are'} ready; there ${was === 1 ? 'was' : 'were'} ${was}.`
    yield { kind: 'endpoints', namespace, object: `Service/${name}`, service: serviceId(key), text }
  }
}

function readyOf(mesh: Mesh, service: string): number {
  const counts = (mesh.services.get(service)?.ports ?? []).map(({ key }) => readyIn(mesh.endpoints.get(key)))
  return Math.max(0, ...counts)
}

function readyIn(group: EndpointGroup | undefined): number {
  return (group?.endpoints ?? []).filter(({ health }) => health === 'healthy').length
}

function* policyEvents(before: readonly PolicyStatus[], now: readonly PolicyStatus[]): Generator<Told> {
  if (before === now) return
  const keyOf = ({ kind, namespace, name }: PolicyStatus): string => `${kind}/${namespace}/${name}`
  const old = new Map(before.map((one) => [keyOf(one), one]))
  const next = new Map(now.map((one) => [keyOf(one), one]))
  for (const key of new Set([...old.keys(), ...next.keys()])) {
    const [was, is] = [old.get(key), next.get(key)]
    if (was === is || isDeepStrictEqual(was, is)) continue
    const [kind = '', namespace = '', name = ''] = key.split('/')
    const targets = (is ?? was)?.ancestors.map(({ ancestorRef }) => ancestorRef) ?? []
    const target = targets.find((ref) => ref.kind === 'Service')
    const refused = is?.ancestors
      .flatMap(({ conditions }) => conditions)
      .find(({ type, status }) => type === 'Accepted' && status === 'False')
    const what = is === undefined ? 'The policy is gone.' : was ? 'The policy changed.' : 'The policy is new.'
    yield {
      kind: 'policy',
      namespace,
      object: `${kind}/${name}`,
      service: target ? `${target.name}.${target.namespace ?? namespace}` : '',
      text: refused ? `${what} It is not in force: ${refused.message}` : what,
    }
  }
}

const REVISION_LABELS = ['pod-template-hash', 'controller-revision-hash']

/** Pods of a revision that was not there before. */
function* rolloutEvents(before: Mesh, now: Mesh): Generator<Told> {
  if (before.workloads === now.workloads) return
  const known = revisionsOf(before)
  for (const [id, revisions] of revisionsOf(now)) {
    const old = known.get(id)
    if (!old) continue
    for (const [revision, service] of revisions) {
      if (old.has(revision)) continue
      const dot = id.lastIndexOf('.')
      yield {
        kind: 'rollout',
        namespace: id.slice(dot + 1),
        object: id.slice(0, dot),
        service,
        text: `Pods of a new revision begin: ${revision}.`,
      }
    }
  }
}

/** By workload and revision the Service that leads to it, or ''. */
function revisionsOf({ workloads }: Mesh): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>()
  for (const { namespace, service, services, labels } of workloads.values()) {
    const label = REVISION_LABELS.find((name) => labels[name] !== undefined)
    if (label === undefined) continue
    const id = `${service}.${namespace}`
    const revisions = found.get(id) ?? new Map<string, string>()
    found.set(id, revisions.set(labels[label] ?? '', services[0] ?? ''))
  }
  return found
}

function* differences<T>(
  before: ReadonlyMap<string, T>,
  now: ReadonlyMap<string, T>,
): Generator<[key: string, was: T | undefined, is: T | undefined]> {
  if (before === now) return
  for (const [key, was] of before) if (now.get(key) !== was) yield [key, was, now.get(key)]
  for (const [key, is] of now) if (!before.has(key)) yield [key, undefined, is]
}
