import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { readGoDuration } from '../durations.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'

const TYPES: Readonly<Record<string, string>> = {
  ROUND_ROBIN: 'RoundRobin',
  LEAST_REQUEST: 'LeastRequest',
  LEAST_CONN: 'LeastRequest',
  RANDOM: 'Random',
}

/** `loadBalancer` as `loadBalancing` of a TrafficPolicy. */
export function readLoadBalancer(balancer: Fields, notes: Notes): JsonObject {
  const simple = balancer.text('simple')
  const hash = balancer.optionalMap('consistentHash')
  const locality = balancer.optionalMap('localityLbSetting')
  const consistentHash = hash && readConsistentHash(hash, notes)
  const type = consistentHash ? 'ConsistentHash' : typeOf(simple, balancer, notes)
  const slowStart = readSlowStart(balancer, notes)
  if (slowStart && type !== undefined && type !== 'RoundRobin' && type !== 'LeastRequest')
    notes.lost([...balancer.path, 'warmup'], `is not for ${type}`, 'take it out')
  const slow = type === 'Random' || type === 'ConsistentHash' ? undefined : slowStart
  const mode = locality && readLocality(locality, notes)
  balancer.refuseUnknown()
  return withoutEmpty({ type, consistentHash, slowStart: slow, locality: mode && { mode } })
}

function typeOf(simple: string | undefined, balancer: Fields, notes: Notes): string | undefined {
  if (simple === undefined || simple === 'UNSPECIFIED') return undefined
  const type = Object.hasOwn(TYPES, simple) ? TYPES[simple] : undefined
  if (type === undefined)
    notes.lost(
      [...balancer.path, 'simple'],
      `${simple} has no counterpart`,
      'call pods by their own address, or a headless Service, where the caller picks the endpoint',
    )
  return type
}

function readSlowStart(balancer: Fields, notes: Notes): JsonObject | undefined {
  const older = readGoDuration(balancer, 'warmupDurationSecs')
  const warmup = balancer.optionalMap('warmup')
  if (!warmup) return older === undefined ? undefined : { window: older }
  const window = readGoDuration(warmup, 'duration')
  const least = warmup.number('minimumPercent', 0, 100)
  notes.withoutCounterpart(warmup, { aggression: 'take it out: the share grows evenly' })
  warmup.refuseUnknown()
  if (window === undefined) return undefined
  return withoutEmpty({
    window,
    minimumPercent: least === undefined ? undefined : Math.max(1, Math.round(least)),
  })
}

function readConsistentHash(hash: Fields, notes: Notes): JsonObject | undefined {
  const header = hash.text('httpHeaderName')
  const cookie = hash.optionalMap('httpCookie')
  const source = hash.boolean('useSourceIp')
  const queryParam = hash.text('httpQueryParameterName')
  const hashOn: JsonObject[] = []
  if (header !== undefined) hashOn.push({ type: 'Header', header })
  if (cookie) hashOn.push({ type: 'Cookie', cookie: readCookie(cookie, notes) })
  if (queryParam !== undefined) hashOn.push({ type: 'QueryParam', queryParam })
  if (source === true) hashOn.push({ type: 'SourceIP' })
  const older = hash.integer('minimumRingSize', 0, 8_388_608)
  const ring = hash.optionalMap('ringHash')
  const maglev = hash.optionalMap('maglev')
  const size = ring?.integer('minimumRingSize', 1, 8_388_608) ?? (older || undefined)
  const tableSize = maglev?.integer('tableSize', 2, 5_000_011)
  for (const part of [hash, ring, maglev]) part?.refuseUnknown()
  if (hashOn.length === 0) return undefined
  if (maglev) return withoutEmpty({ algorithm: 'Maglev', tableSize, hashOn })
  return withoutEmpty({ algorithm: 'RingHash', minimumRingSize: size, hashOn })
}

function readCookie(cookie: Fields, notes: Notes): JsonObject {
  const made = withoutEmpty({
    name: cookie.requiredText('name'),
    ttl: readGoDuration(cookie, 'ttl'),
    path: cookie.text('path'),
  })
  notes.withoutCounterpart(cookie, { attributes: 'take them out' })
  cookie.refuseUnknown()
  return made
}

function readLocality(locality: Fields, notes: Notes): string {
  const enabled = locality.boolean('enabled') ?? true
  const remedy = "take it out: a zone's traffic goes to the others by itself as its endpoints fail"
  notes.withoutCounterpart(locality, { distribute: remedy, failover: remedy, failoverPriority: remedy })
  locality.refuseUnknown()
  return enabled ? 'Prefer' : 'Off'
}
