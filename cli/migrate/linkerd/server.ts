import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { listOf, mapOf, textOf, type WrittenObject } from '../../../local/problems/checked.ts'
import type { KnownObjects } from '../known-objects.ts'
import { withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import { Notes } from '../notes.ts'
import { authorizationPolicies, type PolicyRule } from '../policy-manifests.ts'
import { selectedPods, type InputPod } from '../selected-pods.ts'
import { POLICY_GROUP, requiredSources } from './authentications.ts'
import { ServerRoutes } from './server-routes.ts'

export const DEFAULT_POLICY = 'config.linkerd.io/default-inbound-policy'
const ACCESS = [
  'deny',
  'audit',
  'all-unauthenticated',
  'all-authenticated',
  'cluster-unauthenticated',
  'cluster-authenticated',
] as const

/** To everybody; the others ask for an identity. */
const OPEN: ReadonlySet<string> = new Set(['all-unauthenticated', 'cluster-unauthenticated', 'audit'])

interface ReadServer {
  readonly labels: JsonObject
  readonly ports: readonly number[]
  readonly access: (typeof ACCESS)[number]
}

/**
 * A Server with what AuthorizationPolicies let in at its port, as one AuthorizationPolicy. That covers all ports of its pods,
 * so that a rule lets in at all ports that no Server is for, unless the input says `deny` of these.
 */
export function migrateServer(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const server = readServer(object, own, known, notes)
  if (!server) return []
  const { labels, ports, access } = server
  const routes = new ServerRoutes(own, known)
  const rules: PolicyRule[] = []
  for (const policy of known.ofKind('AuthorizationPolicy', POLICY_GROUP))
    rules.push(...rulesOf(policy, own, { known, ports, routes }))
  if (access !== 'deny')
    rules.push(...withSources(at(ports, routes, undefined), OPEN.has(access) ? [] : [{ principals: ['*'] }]))
  if (access === 'audit')
    notes.changed(
      ['spec', 'accessPolicy'],
      'audit lets everybody in, as here, but what would be refused is not told',
      'take the rule for everybody out and say mode: DryRun in what is printed, to be told',
    )
  if (access.startsWith('cluster-'))
    notes.changed(
      ['spec', 'accessPolicy'],
      `${access} is for callers of the cluster, and here nobody knows its addresses`,
      'write them into ipBlocks of the source where others can reach the pods',
    )
  if (!isClosed(known, own.namespace, labels)) {
    const taken = new Set(ports)
    for (const other of known.ofKind('Server', POLICY_GROUP)) {
      if (other.namespace !== own.namespace || other.name === own.name) continue
      const read = readServer(new Notes(other).fields(), own, known, new Notes(other))
      if (read && mayMeet(read.labels, labels)) for (const port of read.ports) taken.add(port)
    }
    rules.push({ to: [{ operation: { notPorts: [...taken].sort((a, b) => a - b) } }] })
  }
  const selector = Object.keys(labels).length > 0 ? { matchLabels: labels } : undefined
  const spec = withoutEmpty({ selector })
  return authorizationPolicies(own, spec, rules.length > 0 ? rules : undefined, known)
}

function readServer(
  object: Fields,
  own: ObjectId,
  known: KnownObjects,
  notes: Notes,
): ReadServer | undefined {
  const before = notes.losses
  const spec = object.map('spec')
  const selector = spec.map('podSelector')
  const labels: JsonObject = { ...selector.stringMap('matchLabels') }
  selector.list('matchExpressions', (expression) => {
    const key = expression.requiredText('key')
    const values = expression.texts('values')
    if (expression.text('operator') === 'In' && values.length === 1) labels[key] = values[0] ?? ''
    else
      notes.lost(expression.path, 'has no counterpart: pods are selected by labels', 'give the pods a label')
    expression.refuseUnknown()
  })
  selector.refuseUnknown()
  notes.withoutCounterpart(spec, {
    externalWorkloadSelector: 'run it as a pod: Weft has no workloads outside of the cluster',
  })
  const access = spec.has('accessPolicy') ? spec.oneOf('accessPolicy', ACCESS) : 'deny'
  const port = spec.any('port')
  const ports = readPort(port, selectedPods(known, own.namespace, labels))
  if (ports.length === 0)
    notes.lost(
      [...spec.path, 'port'],
      `${JSON.stringify(port ?? null)} is the name of no port of a pod in the input that the Server selects, so that its port stays as open as others`,
      'add the workloads to the input, or write the number',
    )
  // All others are detected.
  if (spec.text('proxyProtocol') === 'opaque')
    notes.changed(
      [...spec.path, 'proxyProtocol'],
      'opaque is said of pods, and not of a policy',
      'annotate the pods with weft.dev/opaque-ports, or leave the port to detection',
    )
  spec.refuseUnknown()
  if (notes.losses > before || access === undefined) return undefined
  return { labels, ports, access }
}

/** A number, or all that the name has among the pods. */
function readPort(port: unknown, pods: readonly InputPod[]): readonly number[] {
  const number = typeof port === 'string' && /^\d{1,5}$/.test(port) ? Number(port) : port
  if (typeof number === 'number')
    return Number.isInteger(number) && number >= 1 && number <= 65_535 ? [number] : []
  const spec = pods.map(({ pod }) => mapOf(pod['spec']))
  const containers = spec.flatMap((one) => [...listOf(one['containers']), ...listOf(one['initContainers'])])
  const found = containers
    .flatMap((container) => listOf(mapOf(container)['ports']))
    .flatMap((one) => {
      const { name, containerPort } = mapOf(one)
      return name === port && typeof containerPort === 'number' ? [containerPort] : []
    })
  return [...new Set(found)]
}

/** Whether one pod could have the labels of both. */
function mayMeet(one: JsonObject, other: JsonObject): boolean {
  return Object.entries(one).every(([name, value]) => (other[name] ?? value) === value)
}

/** Whether ports without a Server are closed: by the pods' annotation, or else that of the namespace. */
function isClosed(known: KnownObjects, namespace: string, labels: JsonObject): boolean {
  const preset = namespacePolicy(known, namespace)
  const pods = selectedPods(known, namespace, labels)
  return pods.length === 0
    ? preset === 'deny'
    : pods.some(({ pod }) => (annotationOf(pod) || preset) === 'deny')
}

/** The default-inbound-policy of a namespace; '' where the input does not have it. */
export function namespacePolicy(known: KnownObjects, namespace: string): string {
  return annotationOf(known.objects.find(({ kind, name }) => kind === 'Namespace' && name === namespace)?.raw)
}

function annotationOf(object: Readonly<Record<string, unknown>> | undefined): string {
  return textOf(mapOf(mapOf(object?.['metadata'])['annotations'])[DEFAULT_POLICY])
}

/** What one AuthorizationPolicy lets in at a Server's port. */
function rulesOf(
  policy: WrittenObject,
  server: ObjectId,
  on: { readonly known: KnownObjects; readonly ports: readonly number[]; readonly routes: ServerRoutes },
): readonly PolicyRule[] {
  if (policy.namespace !== server.namespace) return []
  const { kind, name } = mapOf(mapOf(policy.raw['spec'])['targetRef'])
  const ofRoute = kind === 'HTTPRoute' || kind === 'GRPCRoute'
  const meant =
    (kind === 'Server' && name === server.name) || (kind === 'Namespace' && name === server.namespace)
  if (!meant && !ofRoute) return []
  const notes = new Notes(policy)
  const own = { namespace: policy.namespace, name: policy.name }
  const sources = requiredSources(notes.fields().map('spec'), own, { known: on.known, notes })
  if (!sources) return []
  return withSources(at(on.ports, on.routes, ofRoute ? `${kind} ${textOf(name)}` : undefined), sources)
}

/** Requests, and where no routes are, connections, to the port; those of one route, where it is named. */
function at(
  ports: readonly number[],
  routes: ServerRoutes,
  route: string | undefined,
): readonly PolicyRule[] {
  if (routes.any || route !== undefined) return routes.rules(ports, route)
  return [{ to: [{ operation: { ports: [...ports] } }] }]
}

function withSources(rules: readonly PolicyRule[], sources: readonly JsonObject[]): readonly PolicyRule[] {
  return rules.map((rule) => ({ from: sources.map((source) => ({ source })), ...rule }))
}
