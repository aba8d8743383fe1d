import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { Json, JsonObject } from '../../../injector/json-patch.ts'
import { backendPort } from '../backend-port.ts'
import { readGoDuration } from '../durations.ts'
import type { KnownObjects } from '../known-objects.ts'
import { trafficPolicy, withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { RouteSet } from '../route-set.ts'

interface Condition {
  readonly method: string | undefined
  readonly path: string | undefined
}

const ANYTHING: Condition = { method: undefined, path: undefined }
/** Linkerd counts every 5xx as a failure that may be retried. */
const RETRIED = [500, 502, 503, 504]
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
/** Gateway API's limit of matches of a rule. */
const MOST_CONDITIONS = 64
/** Of a weight of one. */
const PARTS = 1000

/** A ServiceProfile, whose name is that of its Service in the cluster's DNS, as HTTPRoutes and a TrafficPolicy. */
export function migrateServiceProfile(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const spec = object.map('spec')
  const [name = '', namespace = own.namespace, svc] = own.name.split('.')
  if (svc !== 'svc') {
    notes.lost(
      ['metadata', 'name'],
      'is no Service of the cluster',
      'name it NAME.NAMESPACE.svc.cluster.local',
    )
    return []
  }
  const id = { namespace, name }
  const budget = spec.optionalMap('retryBudget')
  const retryBudget = budget && readBudget(budget, notes)
  const routes = new RouteSet(id, [id], { known, notes })
  const rules = spec.list('routes', (route) => readRoute(route, notes))
  const overrides = spec.list('dstOverrides', (item) => readOverride(item, id))
  notes.withoutCounterpart(spec, { opaquePorts: 'annotate the pods with weft.dev/opaque-ports' })
  spec.refuseUnknown()
  const listed = known.service(id)?.ports.map(({ port }) => port) ?? []
  const field = ['metadata', 'name']
  const ports = listed.length > 0 ? listed : [backendPort(id, undefined, undefined, { known, notes, field })]
  const needed = rules.length > 0 || overrides.length > 0
  for (const port of needed ? ports : []) {
    const backendRefs =
      overrides.length > 0
        ? overrides.map(({ backend, port: other, weight }) => ({ ...backend, port: other ?? port, weight }))
        : [{ name, port }]
    const parts = { port: ports.length > 1 ? port : undefined, callers: undefined, faults: [] }
    for (const rule of rules)
      if (rule) routes.add({ ...parts, ...rule, rule: { matches: rule.matches, backendRefs, ...rule.rule } })
    // To requests that no route of a profile is for, Linkerd does nothing; Gateway API answers 404.
    routes.add({ ...parts, rule: { backendRefs }, field: ['spec', 'routes'], retryNonIdempotent: false })
  }
  const policy = retryBudget
    ? [
        trafficPolicy({ ...id, name: known.claim('TrafficPolicy', id) }, [{ kind: 'Service', name }], {
          retryBudget,
        }),
      ]
    : []
  return [...routes.manifests(), ...policy]
}

function readRoute(route: Fields, notes: Notes) {
  const before = notes.losses
  route.text('name')
  const conditions = route.has('condition') ? readCondition(route.map('condition'), notes) : [ANYTHING]
  const request = readGoDuration(route, 'timeout')
  const retryable = route.boolean('isRetryable') ?? false
  if (route.has('responseClasses'))
    notes.changed(
      [...route.path, 'responseClasses'],
      'is not needed: metrics tell statuses, and a failure is a 5xx or a grpc-status of the server',
      'there is nothing to do; retry.codes says what is tried again',
    )
  route.skip('responseClasses')
  route.refuseUnknown()
  if (notes.losses > before) {
    const remedy = 'correct it and convert it again; until then its requests go by the other rules'
    notes.lost(route.path, 'becomes no rule', remedy)
    return undefined
  }
  const unsafe = conditions.some(({ method }) => method !== undefined && !IDEMPOTENT.has(method))
  if (retryable && conditions.some(({ method }) => method === undefined))
    notes.changed(
      [...route.path, 'isRetryable'],
      'a POST or PATCH that may have reached the application is not sent again, as the route names no method',
      'name the method, or annotate the HTTPRoute with weft.dev/retry-non-idempotent: "true" where that does no harm',
    )
  return {
    matches: conditions.flatMap((condition) => matchOf(condition)),
    rule: withoutEmpty({
      timeouts: withoutEmpty({ request }),
      retry: retryable ? { codes: RETRIED } : undefined,
    }),
    field: route.path,
    retryNonIdempotent: retryable && unsafe,
  }
}

function matchOf({ method, path }: Condition): readonly JsonObject[] {
  const match = withoutEmpty({
    path: path === undefined ? undefined : { type: 'RegularExpression', value: path },
    method,
  })
  return Object.keys(match).length > 0 ? [match] : []
}

/** Conditions of which one must hold. */
function readCondition(condition: Fields, notes: Notes): readonly Condition[] {
  notes.withoutCounterpart(condition, {
    not: 'match what it is, and order the rules by how specific they are',
  })
  const method = condition.text('method')
  const path = condition.text('pathRegex')
  const any = condition.list('any', (one) => readCondition(one, notes)).flat()
  const all = condition.list('all', (one) => readCondition(one, notes))
  condition.refuseUnknown()
  let made: readonly Condition[] = [{ method, path }]
  for (const group of [...(any.length > 0 ? [any] : []), ...all]) {
    // Each of one with each of the other: few lines of input could mean any number.
    if (made.length * group.length > MOST_CONDITIONS) {
      notes.lost(
        condition.path,
        `means more than ${MOST_CONDITIONS} conditions`,
        'write one expression for them',
      )
      return []
    }
    made = made.flatMap((one) => group.flatMap((other) => both(one, other, condition, notes)))
  }
  return made
}

function both(a: Condition, b: Condition, condition: Fields, notes: Notes): readonly Condition[] {
  if (a.path !== undefined && b.path !== undefined && a.path !== b.path) {
    notes.lost(condition.path, 'asks for two paths at once', 'write one expression for both')
    return []
  }
  if (a.method !== undefined && b.method !== undefined && a.method !== b.method) return []
  return [{ method: a.method ?? b.method, path: a.path ?? b.path }]
}

function readOverride(
  item: Fields,
  id: ObjectId,
): { backend: JsonObject; port: number | undefined; weight: number } {
  const authority = item.requiredText('authority')
  const [host = '', port] = authority.split(':')
  const [name = '', namespace = id.namespace] = host.split('.')
  const weight = readWeight(item)
  item.refuseUnknown()
  const elsewhere = namespace === id.namespace ? undefined : namespace
  return {
    backend: withoutEmpty({ namespace: elsewhere, name }),
    port: port === undefined ? undefined : Number(port),
    weight,
  }
}

/** A quantity of Kubernetes: 1, "500m". In thousandths. */
export function readWeight(item: Fields): number {
  const value: unknown = item.any('weight') ?? 0
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : ''
  const [, count, milli] = /^(\d{1,6}(?:\.\d{1,3})?)(m?)$/.exec(text) ?? []
  if (count === undefined) item.problem('must be a weight such as 1 or "500m"', 'weight')
  return Math.round(Number(count ?? 0) * (milli === 'm' ? 1 : PARTS))
}

function readBudget(budget: Fields, notes: Notes): Record<string, Json> {
  const ratio = budget.number('retryRatio', 0, 1)
  const least = budget.integer('minRetriesPerSecond', 0, 1_000_000)
  const ttl = readGoDuration(budget, 'ttl')
  budget.refuseUnknown()
  if (ttl !== undefined)
    notes.changed(
      [...budget.path, 'ttl'],
      'is not needed: the budget counts 10 s',
      'there is nothing to do where that may be',
    )
  return withoutEmpty({
    percent: ratio === undefined ? undefined : Math.round(ratio * 100),
    minimumPerSecond: least,
  })
}
