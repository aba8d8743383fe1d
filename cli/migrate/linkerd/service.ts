import type { Fields } from '../../../control-plane/registry/fields.ts'
import { durationMs } from '../../../core/duration.ts'
import type { Json, JsonObject } from '../../../injector/json-patch.ts'
import { listOf, mapOf } from '../../../local/problems/checked.ts'
import { goDuration } from '../durations.ts'
import type { KnownObjects } from '../known-objects.ts'
import { trafficPolicy, withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { RouteSet } from '../route-set.ts'
import { LinkerdAnnotations, wholeNumber } from './annotations.ts'
import { hasRouteSettings, readRouteSettings } from './route-settings.ts'

const ACCRUAL = 'balancer.linkerd.io/failure-accrual'
const CONSECUTIVE = `${ACCRUAL}-consecutive`
/** Linkerd's own numbers where nothing is said. */
const MAX_FAILURES = 7
const MIN_PENALTY = '1s'
const MAX_PENALTY = '1m'
/** Of `unified`: under 80 % of at least 5 answers in 10 s; 429 counts as an error. */
const UNIFIED: JsonObject = {
  statusCodes: [429],
  successRate: { belowPercent: 80, window: '10s', minimumRequests: 5 },
}

/** What the annotations of a Service ask for: a route of it, and a TrafficPolicy. The Service stays as it is. */
export function migrateService(
  object: Fields,
  id: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const annotations = new LinkerdAnnotations(object, notes)
  if (annotations.size === 0) return []
  const outlierDetection = readFailureAccrual(annotations, notes)
  const policies = outlierDetection
    ? [
        trafficPolicy(
          { ...id, name: known.claim('TrafficPolicy', id) },
          [{ kind: 'Service', name: id.name }],
          { outlierDetection },
        ),
      ]
    : []
  const opaque = annotations.take('config.linkerd.io/opaque-ports')
  if (opaque !== undefined)
    notes.lost(
      annotations.field('config.linkerd.io/opaque-ports'),
      'is for a Service, and opaque ports are those of pods',
      `annotate its pods with weft.dev/opaque-ports: ${JSON.stringify(opaque)}`,
    )
  const wanted = hasRouteSettings(annotations)
  const { timeouts, retry } = readRouteSettings(annotations, notes)
  if (!wanted) return policies
  if (hasRoute(id, known)) {
    notes.changed(
      ['metadata', 'annotations'],
      'retries and time-outs hold where no route of the Service does, and the input has one',
      'say them in the rules of that route',
    )
    return policies
  }
  const routes = new RouteSet(id, [id], { known, notes })
  for (const { port } of known.service(id)?.ports ?? [])
    routes.add({
      rule: withoutEmpty({ backendRefs: [{ name: id.name, port }], timeouts, retry }),
      field: ['metadata', 'annotations'],
      port,
      callers: undefined,
      faults: [],
      retryNonIdempotent: false,
    })
  return [...routes.manifests(), ...policies]
}

function readFailureAccrual(annotations: LinkerdAnnotations, notes: Notes): JsonObject | undefined {
  const mode = annotations.take(ACCRUAL)
  if (mode === undefined) return undefined
  const seconds = (name: string, otherwise: string): string =>
    annotations.takeAs(name, 'a duration such as 1s', goDuration) ?? otherwise
  if (mode === 'unified') return UNIFIED
  if (mode !== 'consecutive') {
    notes.lost(annotations.field(ACCRUAL), `${JSON.stringify(mode)} has no counterpart`, 'say consecutive')
    return undefined
  }
  const most = annotations.takeAs(`${CONSECUTIVE}-max-failures`, 'a whole number', wholeNumber)
  const base = seconds(`${CONSECUTIVE}-min-penalty`, MIN_PENALTY)
  const longest = seconds(`${CONSECUTIVE}-max-penalty`, MAX_PENALTY)
  annotations.take(`${CONSECUTIVE}-jitter-ratio`)
  notes.changed(
    annotations.field(ACCRUAL),
    'never more than half of the endpoints are left out at once, each time for as long again as the first, and success rate counts, too',
    'set maximumEjectedPercent where it may be more',
  )
  return {
    consecutiveErrors: most ?? MAX_FAILURES,
    baseEjection: base,
    maximumEjection: (durationMs(longest) ?? 0) < (durationMs(base) ?? 0) ? base : longest,
  }
}

/** Whether a route of the input has the Service as its parent. */
export function hasRoute({ namespace, name }: ObjectId, known: KnownObjects): boolean {
  return known.objects.some((object) => {
    if (object.kind !== 'HTTPRoute' && object.kind !== 'GRPCRoute') return false
    return listOf(mapOf(object.raw['spec'])['parentRefs']).some((ref) => {
      const parent = mapOf(ref) as Readonly<Record<string, Json>>
      const own = parent['namespace'] ?? object.namespace
      return parent['kind'] === 'Service' && parent['name'] === name && own === namespace
    })
  })
}
