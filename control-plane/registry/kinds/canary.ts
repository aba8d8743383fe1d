import { durationMs, DURATION } from '../../../core/duration.ts'
import type { Fields } from '../fields.ts'
import { DNS_NAME, readMeta, type Meta } from './meta.ts'
import { HEADER_NAME } from './header-name.ts'

/** weft.dev/v1alpha1 Canary: how a route's traffic goes over to another version, and what must hold meanwhile. */
export interface CanaryObject {
  readonly kind: 'Canary'
  readonly meta: Meta
  readonly spec: CanarySpec
  /** As the API server has it; of a manifest undefined. Whoever uses it checks it. */
  readonly status: unknown
}

export interface CanarySpec {
  readonly route: { readonly kind: 'HTTPRoute' | 'GRPCRoute'; readonly name: string }
  /** Both versions are revisions of this one; `stable` and `canary` are Services that are made for it. */
  readonly deployment?: CanaryDeployment | undefined
  readonly stable: CanaryBackend
  readonly canary: CanaryBackend
  /** How often it is looked at what happened. Milliseconds. */
  readonly intervalMs: number
  /** For so long after the first step began nothing is held against the new version. Milliseconds. */
  readonly warmupMs: number
  readonly steps: readonly CanaryStep[]
  readonly conditions: CanaryConditions
  readonly onBreach: 'Rollback' | 'Pause'
}

/** A Service of the Canary's namespace. */
export interface CanaryBackend {
  readonly name: string
  readonly port: number
}

/** A Deployment of the Canary's namespace, and the Service that callers know it by. */
export interface CanaryDeployment {
  readonly name: string
  readonly service: string
  /** Of that Service. */
  readonly port: number
}

export type CanaryStep =
  | { readonly kind: 'weight'; readonly weight: number; readonly holdMs: number }
  | { readonly kind: 'mirror'; readonly percent: number; readonly holdMs: number }
  | { readonly kind: 'testers'; readonly testers: readonly TesterMatch[]; readonly holdMs: number }
  | { readonly kind: 'pause' }

/** What a tester's request has. */
export interface TesterMatch {
  readonly type: 'header' | 'cookie'
  readonly name: string
  readonly value: string
}

export interface CanaryConditions {
  /** Percentage points by which the share of good answers may be lower than the stable version's. */
  readonly maximumDropPercent: number | undefined
  readonly latency: { readonly percentile: number; readonly maximumIncreasePercent: number } | undefined
  readonly prometheus: readonly PrometheusCondition[]
}

export interface PrometheusCondition {
  readonly name: string
  /** `http://prometheus.monitoring:9090` */
  readonly address: string
  readonly query: string
  readonly minimum: number | undefined
  readonly maximum: number | undefined
}

/** A Service's name has 63 characters at most (RFC 1035). */
const LONGEST_DEPLOYMENT = 63 - '-stable'.length
const MOST_STEPS = 20
const MOST_TESTERS = 8
const MOST_QUERIES = 8
const INTERVAL_MS = 5000
const HOLD_MS = 30_000
const DEFAULTS: CanaryConditions = {
  maximumDropPercent: 1,
  latency: { percentile: 99, maximumIncreasePercent: 50 },
  prometheus: [],
}

/** Strict, as the definition is that the API server holds (deploy/chart/crds): a condition that is misspelt would watch nothing. */
export function readCanary(object: Fields): CanaryObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind')
  const status = object.any('status')
  const spec = object.map('spec')
  const route = requiredMap(spec, 'routeRef')
  const kind = route.oneOf('kind', ['HTTPRoute', 'GRPCRoute']) ?? 'HTTPRoute'
  const name = route.requiredText('name', DNS_NAME)
  const { deployment, stable, canary } = readVersions(spec)
  if (stable.name === canary.name && stable.port === canary.port && stable.name !== '')
    spec.problem('is the stable version itself: name the Service of the new one', 'canary')
  const steps = spec.list('steps', readStep)
  if (steps.length === 0) spec.problem('needs a step, such as {weight: 10}', 'steps')
  if (steps.length > MOST_STEPS) spec.problem(`has ${steps.length}; at most ${MOST_STEPS}`, 'steps')
  checkOrder(spec, steps)
  const result: CanarySpec = {
    route: { kind, name },
    ...(deployment ? { deployment } : {}),
    stable,
    canary,
    intervalMs: readTime(spec, 'interval', 1000, 300_000) ?? INTERVAL_MS,
    warmupMs: readTime(spec, 'warmup', 0, 3_600_000) ?? 0,
    steps,
    conditions: readConditions(spec),
    onBreach: spec.oneOf('onBreach', ['Rollback', 'Pause']) ?? 'Rollback',
  }
  for (const part of [route, spec, object]) part.refuseUnknown()
  return { kind: 'Canary', meta, spec: result, status }
}

function requiredMap(owner: Fields, name: string): Fields {
  if (!owner.has(name)) owner.problem('is required', name)
  return owner.map(name)
}

/** Two Services, or a Deployment for whose revisions two are made. */
function readVersions(spec: Fields): Pick<CanarySpec, 'deployment' | 'stable' | 'canary'> {
  const ref = spec.optionalMap('deployment')
  if (!ref) return { stable: readBackend(spec, 'stable'), canary: readBackend(spec, 'canary') }
  for (const field of ['stable', 'canary'])
    if (spec.has(field))
      spec.problem(
        'does not go with deployment, for whose revisions two Services are made: leave it out',
        field,
      )
  spec.skip('stable', 'canary')
  for (const field of ['service', 'port']) if (!ref.has(field)) ref.problem('is required', field)
  const name = ref.requiredText('name', DNS_NAME)
  if (name.length > LONGEST_DEPLOYMENT)
    ref.problem(
      `has ${name.length} characters; at most ${LONGEST_DEPLOYMENT}, as a Service ${name}-stable is made`,
      'name',
    )
  const service = ref.requiredText('service', DNS_NAME)
  const port = ref.integer('port', 1, 65_535) ?? 0
  ref.refuseUnknown()
  return {
    deployment: { name, service, port },
    stable: { name: `${name}-stable`, port },
    canary: { name: `${name}-canary`, port },
  }
}

function readBackend(spec: Fields, name: string): CanaryBackend {
  const ref = requiredMap(spec, name)
  if (!ref.has('port')) ref.problem('is required: a port of the Service', 'port')
  const backend = {
    name: ref.requiredText('name', DNS_NAME),
    port: ref.integer('port', 1, 65_535) ?? 0,
  }
  ref.refuseUnknown()
  return backend
}

function readStep(step: Fields): CanaryStep {
  const kinds = ['weight', 'mirror', 'matches', 'pause'].filter((name) => step.has(name))
  if (kinds.length !== 1) step.problem('needs one of weight, mirror, matches and pause')
  const weight = step.integer('weight', 0, 100) ?? 0
  const mirror = step.optionalMap('mirror')
  const percent = mirror?.integer('percent', 1, 100) ?? 100
  mirror?.refuseUnknown()
  const testers = step.list('matches', readTester)
  if (step.has('matches') && testers.length === 0) step.problem('needs a header or a cookie', 'matches')
  if (testers.length > MOST_TESTERS) step.problem(`has ${testers.length}; at most ${MOST_TESTERS}`, 'matches')
  step.optionalMap('pause')?.refuseUnknown()
  if (step.has('pause') && step.has('hold'))
    step.problem('does not go with pause, which lasts until somebody goes on', 'hold')
  const holdMs = readTime(step, 'hold', 0, 7 * 86_400_000) ?? HOLD_MS
  step.refuseUnknown()
  if (mirror) return { kind: 'mirror', percent, holdMs }
  if (testers.length > 0) return { kind: 'testers', testers, holdMs }
  if (kinds[0] === 'pause') return { kind: 'pause' }
  return { kind: 'weight', weight, holdMs }
}

function readTester(match: Fields): TesterMatch {
  const type = match.has('cookie') ? 'cookie' : 'header'
  if (match.has('header') === match.has('cookie')) match.problem('needs either header or cookie')
  const one = match.map(type)
  const name = one.requiredText('name', HEADER_NAME)
  const value = one.requiredText('value', {
    pattern: /^[\x21-\x7e]{1,256}$/,
    is: '1 to 256 visible characters',
  })
  one.refuseUnknown()
  match.refuseUnknown()
  return { type, name, value }
}

/** Weights only rise: whoever got the new version once keeps getting it. Mirrors come before any of them. */
function checkOrder(spec: Fields, steps: readonly CanaryStep[]): void {
  let weight = 0
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'mirror' && weight > 0)
      spec.problem(
        'comes too late: a mirror copies to a version that has no share yet',
        'steps',
        index,
        'mirror',
      )
    if (step.kind !== 'weight') continue
    if (step.weight < weight)
      spec.problem(`is less than the ${weight} before it: weights only rise`, 'steps', index, 'weight')
    weight = Math.max(weight, step.weight)
  }
}

function readConditions(spec: Fields): CanaryConditions {
  const conditions = spec.optionalMap('conditions')
  if (!conditions) return DEFAULTS
  const success = conditions.optionalMap('successRate')
  const latency = conditions.optionalMap('latency')
  const prometheus = conditions.list('prometheus', readQuery)
  if (prometheus.length > MOST_QUERIES)
    conditions.problem(`has ${prometheus.length}; at most ${MOST_QUERIES}`, 'prometheus')
  const result: CanaryConditions = {
    maximumDropPercent: success && (success.integer('maximumDropPercent', 0, 50) ?? 1),
    latency: latency && {
      percentile: latency.integer('percentile', 50, 99) ?? 99,
      maximumIncreasePercent: latency.integer('maximumIncreasePercent', 0, 1000) ?? 50,
    },
    prometheus,
  }
  success?.refuseUnknown()
  latency?.refuseUnknown()
  conditions.refuseUnknown()
  return result
}

function readQuery(one: Fields): PrometheusCondition {
  const limit = (name: string): number | undefined => {
    const value = one.any(name)
    if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value
    one.problem('must be a number', name)
    return undefined
  }
  const result: PrometheusCondition = {
    name: one.requiredText('name', { pattern: /^[\x20-\x7e]{1,63}$/, is: '1 to 63 characters' }),
    address: one.requiredText('address', {
      pattern: /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/,
      is: 'a URL such as http://prometheus.monitoring:9090, without a query or a password',
    }),
    query: one.requiredText('query', { pattern: /^[^\0]{1,4096}$/, is: '1 to 4,096 characters' }),
    minimum: limit('minimum'),
    maximum: limit('maximum'),
  }
  if (result.minimum === undefined && result.maximum === undefined)
    one.problem('needs a minimum or a maximum that its value is held to')
  one.refuseUnknown()
  return result
}

function readTime(owner: Fields, name: string, least: number, most: number): number | undefined {
  const text = owner.text(name, { pattern: DURATION, is: 'a duration such as 10s or 1m30s' })
  const ms = text === undefined ? undefined : durationMs(text)
  if (ms === undefined) return undefined
  if (ms >= least && ms <= most) return ms
  owner.problem(`must be from ${least / 1000}s to ${most / 1000}s`, name)
  return undefined
}
