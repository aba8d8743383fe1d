import * as preset from '../../../model/traffic-defaults.ts'
import type { ConsistentHash, HashSource, LoadBalancing } from '../../../model/traffic-settings.ts'
import type { Fields } from '../../fields.ts'
import { readDuration, readDurationWithin } from '../duration.ts'
import { HEADER_NAME } from '../header-name.ts'
import { onlyWith } from './only-with.ts'

const TYPES = ['PeakEwma', 'LeastRequest', 'RoundRobin', 'Random', 'ConsistentHash'] as const
const MOST_SOURCES = 8
// Who owns a Service decides what its callers' sidecars build at each change of its endpoints: a tenth of a second at the most.
const LARGEST_TABLE = 655_373
const LARGEST_RING = 131_072
/** RFC 6265 section 4.1.1: a token. */
const COOKIE_NAME = { pattern: /^[-!#$%&'*+.^_`|~0-9A-Za-z]{1,128}$/, is: "a cookie's name" }
const COOKIE_PATH = { pattern: /^\/[\x20-\x3a\x3c-\x7e]{0,255}$/, is: 'a path that begins with "/"' }
const PARAMETER = { pattern: /^[\x21-\x7e]{1,128}$/, is: '1 to 128 printable characters' }

/** `spec.loadBalancing` */
export function readLoadBalancing(section: Fields): LoadBalancing {
  const type = section.oneOf('type', TYPES) ?? 'PeakEwma'
  const own = {
    peakEwma: section.optionalMap('peakEwma'),
    leastRequest: section.optionalMap('leastRequest'),
    consistentHash: section.optionalMap('consistentHash'),
    slowStart: section.optionalMap('slowStart'),
    locality: section.optionalMap('locality'),
  }
  onlyWith(section, 'peakEwma', type === 'PeakEwma', 'type is PeakEwma')
  onlyWith(section, 'leastRequest', type === 'LeastRequest', 'type is LeastRequest')
  onlyWith(section, 'consistentHash', type === 'ConsistentHash', 'type is ConsistentHash')
  const slow = type !== 'Random' && type !== 'ConsistentHash'
  onlyWith(section, 'slowStart', slow, 'type is PeakEwma, LeastRequest or RoundRobin')
  const policy = readPolicy(type, section, own)
  const slowStart = own.slowStart && readSlowStart(own.slowStart)
  const locality = own.locality?.oneOf('mode', ['Prefer', 'Off'])
  if (own.locality && !own.locality.has('mode')) own.locality.problem('is required: Prefer or Off', 'mode')
  const panicThresholdPercent = section.integer('panicThresholdPercent', 0, 100)
  for (const part of [section, ...Object.values(own)]) part?.refuseUnknown()
  return {
    policy,
    ...(slowStart && { slowStart }),
    ...(locality && { locality }),
    ...(panicThresholdPercent !== undefined && { panicThresholdPercent }),
  }
}

function readPolicy(
  type: (typeof TYPES)[number],
  section: Fields,
  { peakEwma, leastRequest, consistentHash }: { readonly [name: string]: Fields | undefined },
): LoadBalancing['policy'] {
  switch (type) {
    case 'PeakEwma': {
      const decayMs = peakEwma && readDurationWithin(peakEwma, 'decay', '1ms', '1h')
      const failurePenaltyMs = peakEwma && readDurationWithin(peakEwma, 'failurePenalty', '0s', '1h')
      return {
        type,
        decayMs: decayMs ?? preset.PEAK_EWMA.decayMs,
        failurePenaltyMs: failurePenaltyMs ?? preset.PEAK_EWMA.failurePenaltyMs,
      }
    }
    case 'LeastRequest':
      return { type, choices: leastRequest?.integer('choices', 2, 100) ?? preset.LEAST_REQUEST_CHOICES }
    case 'RoundRobin':
    case 'Random':
      return { type }
    case 'ConsistentHash':
      if (consistentHash) return readConsistentHash(consistentHash)
      section.problem('is required where type is ConsistentHash', 'consistentHash')
      return { type, table: { algorithm: 'Maglev', size: preset.MAGLEV_TABLE_SIZE }, hashOn: [] }
  }
}

function readConsistentHash(section: Fields): ConsistentHash {
  const algorithm = section.oneOf('algorithm', ['Maglev', 'RingHash']) ?? 'Maglev'
  const size = section.integer('tableSize', 2, LARGEST_TABLE)
  const minimumSize = section.integer('minimumRingSize', 1, LARGEST_RING)
  onlyWith(section, 'tableSize', algorithm === 'Maglev', 'algorithm is Maglev')
  onlyWith(section, 'minimumRingSize', algorithm === 'RingHash', 'algorithm is RingHash')
  if (!section.has('hashOn')) section.problem('is required: what of a request is hashed', 'hashOn')
  const hashOn = section.atMost('hashOn', MOST_SOURCES) ? section.list('hashOn', readHashSource) : []
  if (section.has('hashOn') && hashOn.length === 0) section.problem('needs an item', 'hashOn')
  return {
    type: 'ConsistentHash',
    table:
      algorithm === 'Maglev'
        ? { algorithm, size: size ?? preset.MAGLEV_TABLE_SIZE }
        : { algorithm, minimumSize: minimumSize ?? preset.RING_SIZE },
    hashOn,
  }
}

function readHashSource(item: Fields): HashSource {
  if (!item.has('type')) item.problem('is required: Header, Cookie, QueryParam or SourceIP', 'type')
  const type = item.oneOf('type', ['Header', 'Cookie', 'QueryParam', 'SourceIP']) ?? 'SourceIP'
  const header = item.text('header', HEADER_NAME)
  const cookie = item.optionalMap('cookie')
  const queryParam = item.text('queryParam', PARAMETER)
  for (const [name, owner] of [
    ['header', 'Header'],
    ['cookie', 'Cookie'],
    ['queryParam', 'QueryParam'],
  ] as const) {
    onlyWith(item, name, type === owner, `type is ${owner}`)
    if (type === owner && !item.has(name)) item.problem(`is required where type is ${owner}`, name)
  }
  item.refuseUnknown()
  switch (type) {
    case 'Header':
      return { type, header: header?.toLowerCase() ?? '' }
    case 'Cookie': {
      const name = cookie?.requiredText('name', COOKIE_NAME) ?? ''
      const ttlMs = cookie && readDuration(cookie, 'ttl')
      const path = cookie?.text('path', COOKIE_PATH)
      cookie?.refuseUnknown()
      return { type, name, ttlMs, path }
    }
    case 'QueryParam':
      return { type, queryParam: queryParam ?? '' }
    case 'SourceIP':
      return { type }
  }
}

function readSlowStart(section: Fields): NonNullable<LoadBalancing['slowStart']> {
  if (!section.has('window')) section.problem('is required: a duration such as 30s', 'window')
  return {
    windowMs: readDurationWithin(section, 'window', '1ms', '24h') ?? 0,
    minimumPercent: section.integer('minimumPercent', 1, 100) ?? preset.SLOW_START_MINIMUM_PERCENT,
  }
}
