import { SECTIONS, type TrafficSettings } from '../../../model/traffic-settings.ts'
import type { Fields } from '../../fields.ts'
import { DNS_NAME, readMeta, type Meta } from '../meta.ts'
import {
  readCircuitBreaker,
  readHealthCheck,
  readOutlierDetection,
  readRetryBudget,
} from './endpoint-health.ts'
import { readLoadBalancing } from './load-balancing.ts'
import {
  readAdaptiveConcurrency,
  readBackendFailover,
  readFaults,
  readHedging,
  readRateLimits,
} from './requests.ts'

/** weft.dev/v1alpha1 TrafficPolicy: how requests to its targets are treated. */
export interface TrafficPolicyObject {
  readonly kind: 'TrafficPolicy'
  readonly meta: Meta
  readonly targetRefs: readonly TargetRef[]
  readonly settings: TrafficSettings
}

/** Of the policy's own namespace. */
export interface TargetRef {
  readonly group: string
  readonly kind: TargetKind
  readonly name: string
}

export type TargetKind = 'Service' | 'Namespace' | 'HTTPRoute' | 'GRPCRoute'

const ROUTE_GROUP = 'gateway.networking.k8s.io'
const GROUPS: Readonly<Record<TargetKind, string>> = {
  Service: '',
  Namespace: '',
  HTTPRoute: ROUTE_GROUP,
  GRPCRoute: ROUTE_GROUP,
}
const MOST_TARGETS = 16

type Reader<T> = (section: Fields) => T

/** Strict, as the definition is that the API server holds (deploy/chart/crds). */
export function readTrafficPolicy(object: Fields): TrafficPolicyObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  if (!object.has('spec')) object.problem('is required', 'spec')
  const spec = object.map('spec')
  const targetRefs = readTargets(spec)
  const section = <T>(name: string, read: Reader<T>): T | undefined => {
    const fields = spec.optionalMap(name)
    return fields && read(fields)
  }
  const list = <T>(name: string, read: Reader<T>): T | undefined => (spec.has(name) ? read(spec) : undefined)
  const all = {
    loadBalancing: section('loadBalancing', readLoadBalancing),
    outlierDetection: section('outlierDetection', readOutlierDetection),
    circuitBreaker: section('circuitBreaker', readCircuitBreaker),
    retryBudget: section('retryBudget', readRetryBudget),
    healthCheck: section('healthCheck', readHealthCheck),
    backendFailover: section('backendFailover', readBackendFailover),
    faults: list('faults', readFaults),
    rateLimits: list('rateLimits', readRateLimits),
    adaptiveConcurrency: section('adaptiveConcurrency', readAdaptiveConcurrency),
    hedging: section('hedging', readHedging),
  }
  spec.skip(...SECTIONS)
  spec.refuseUnknown()
  object.refuseUnknown()
  if (object.has('spec') && !SECTIONS.some((name) => spec.has(name)))
    spec.problem(`needs something to set: one of ${SECTIONS.join(', ')}`)
  const settings = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return { kind: 'TrafficPolicy', meta, targetRefs, settings }
}

function readTargets(spec: Fields): readonly TargetRef[] {
  if (!spec.has('targetRefs')) spec.problem('is required: what the policy is for', 'targetRefs')
  if (!spec.atMost('targetRefs', MOST_TARGETS)) return []
  const seen = new Set<string>()
  const targets = spec.list('targetRefs', (ref) => {
    if (!ref.has('kind')) ref.problem(`is required: one of ${Object.keys(GROUPS).join(', ')}`, 'kind')
    const kind = ref.oneOf('kind', Object.keys(GROUPS) as TargetKind[]) ?? 'Service'
    const group = ref.text('group') ?? ''
    const name = ref.requiredText('name', DNS_NAME)
    if (ref.has('kind') && group !== GROUPS[kind])
      ref.problem(`must be ${JSON.stringify(GROUPS[kind])} for kind ${kind}`, 'group')
    ref.refuseUnknown()
    if (seen.has(`${kind} ${name}`)) ref.problem(`names ${kind} ${name} a second time`)
    seen.add(`${kind} ${name}`)
    return { group, kind, name }
  })
  if (spec.has('targetRefs') && targets.length === 0) spec.problem('needs a target', 'targetRefs')
  return targets
}
