import { ANNOTATION_PREFIX, INJECT_LABEL } from '../../../core/contract.ts'
import type { AnnotationName } from '../../../injector/annotations.ts'
import type { Exchanged, MetadataExchange } from '../pod-metadata.ts'
import { isLinkerd } from './annotations.ts'
import { DEFAULT_POLICY } from './server.ts'

const CONFIG = 'config.linkerd.io/'
/** Those whose values mean the same, below `config.linkerd.io/`. */
const SAME: Readonly<Record<string, AnnotationName>> = {
  'skip-inbound-ports': 'exclude-inbound-ports',
  'skip-outbound-ports': 'exclude-outbound-ports',
  'skip-subnets': 'exclude-outbound-cidrs',
  'opaque-ports': 'opaque-ports',
  'proxy-cpu-request': 'proxy-cpu-request',
  'proxy-cpu-limit': 'proxy-cpu-limit',
  'proxy-memory-request': 'proxy-memory-request',
  'proxy-memory-limit': 'proxy-memory-limit',
  'image-pull-policy': 'image-pull-policy',
}
/** Ports come as ranges there. */
const PORTS: ReadonlySet<string> = new Set(['skip-inbound-ports', 'skip-outbound-ports', 'opaque-ports'])
/** What Weft's sidecar does by itself, or what says nothing to anybody else. */
const NOTHING: ReadonlySet<string> = new Set([
  'linkerd.io/created-by',
  'linkerd.io/proxy-version',
  'linkerd.io/trust-root-sha256',
  'linkerd.io/identity-mode',
  `${CONFIG}proxy-await`,
  `${CONFIG}proxy-log-format`,
  `${CONFIG}enable-debug-sidecar`,
])
const REMEDIES: Readonly<Record<string, string>> = {
  [`${CONFIG}proxy-version`]: `say ${ANNOTATION_PREFIX}proxy-image where the installation allows it`,
  [`${CONFIG}proxy-image`]: `say ${ANNOTATION_PREFIX}proxy-image where the installation allows it`,
  [`${CONFIG}proxy-require-identity-inbound-ports`]:
    'write a PeerAuthentication with mode STRICT for the workload',
}
const LOG_LEVELS: Readonly<Record<string, string>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
}
const MOST_PORTS = 128
const OPEN: ReadonlySet<string> = new Set(['all-unauthenticated', 'cluster-unauthenticated'])
const CLOSED: ReadonlySet<string> = new Set(['all-authenticated', 'cluster-authenticated'])

/**
 * Annotations and labels of Linkerd on namespaces and pods. `preset`: the default-inbound-policy of the pods' namespace, where the
 * input has it; '' of a namespace itself.
 */
export function linkerdMetadata(preset: string): MetadataExchange {
  return {
    belongs: isLinkerd,
    exchange(name, value) {
      if (name === 'linkerd.io/inject') return inject(value)
      if (name === DEFAULT_POLICY) return inboundPolicy(value, preset)
      if (NOTHING.has(name)) return { nothing: true }
      const short = name.startsWith(CONFIG) ? name.slice(CONFIG.length) : ''
      const same = Object.hasOwn(SAME, short) ? SAME[short] : undefined
      if (same === undefined) return special(name, value)
      const made = PORTS.has(short) ? withoutRanges(value) : value
      return made === undefined
        ? { lost: `name the ports one by one, ${MOST_PORTS} at most, in ${ANNOTATION_PREFIX}${same}` }
        : { annotations: { [same]: made } }
    },
  }
}

function inboundPolicy(value: string, preset: string): Exchanged {
  const cluster = value.startsWith('cluster-') && {
    changed:
      'is for callers of the cluster alone, and here for whoever reaches the pod: name addresses by ipBlocks of an AuthorizationPolicy',
  }
  if (value === 'deny') return { policies: { nothingAllowed: 'Enforce' } }
  if (preset === 'deny' && preset !== value)
    return {
      lost: 'allow what is meant by an AuthorizationPolicy for these pods: their namespace allows nothing by itself',
    }
  if (value === 'audit') return { policies: { nothingAllowed: 'DryRun' } }
  if (CLOSED.has(value)) return { policies: { mtls: 'STRICT', ...cluster } }
  if (!OPEN.has(value)) return { lost: 'say one that Linkerd knows: all-authenticated, deny and so on' }
  if (CLOSED.has(preset)) return { policies: { mtls: 'PERMISSIVE', ...cluster } }
  return cluster ? { policies: cluster } : { nothing: true }
}

function inject(value: string): Exchanged {
  if (value === 'enabled' || value === 'disabled') return { inject: value }
  return { lost: `say ${INJECT_LABEL}: enabled on the pods of a way in: they have a sidecar as others have` }
}

function special(name: string, value: string): Exchanged {
  switch (name) {
    case `${CONFIG}proxy-log-level`: {
      const word = /(?:^|,)linkerd=(\w+)/.exec(value)?.[1] ?? /^\w+/.exec(value)?.[0] ?? ''
      const level = Object.hasOwn(LOG_LEVELS, word) ? LOG_LEVELS[word] : undefined
      return level === undefined
        ? { lost: `say ${ANNOTATION_PREFIX}proxy-log-level: debug, info, warn or error` }
        : { annotations: { 'proxy-log-level': level } }
    }
    case `${CONFIG}proxy-enable-native-sidecar`:
    case 'config.beta.linkerd.io/proxy-enable-native-sidecar':
    case 'config.alpha.linkerd.io/proxy-enable-native-sidecar':
      return { annotations: { 'sidecar-order': value === 'false' ? 'classic' : 'native' } }
    case `${CONFIG}shutdown-grace-period`: {
      const seconds = /^(\d+)s$/.exec(value)?.[1]
      return seconds === undefined
        ? { lost: `say ${ANNOTATION_PREFIX}drain-seconds` }
        : { annotations: { 'drain-seconds': seconds } }
    }
    default:
      return {
        lost: Object.hasOwn(REMEDIES, name)
          ? (REMEDIES[name] ?? '')
          : 'look in docs/annotations.md for what a pod may say',
      }
  }
}

/** `8080,4000-4002` as single ports; undefined where they are too many, or none. */
function withoutRanges(value: string): string | undefined {
  const ports: number[] = []
  for (const part of value.split(',').map((one) => one.trim())) {
    const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? []
    if (from === undefined || Number(to) - Number(from) >= MOST_PORTS) return undefined
    for (let port = Number(from); port <= Number(to); port++) ports.push(port)
  }
  return ports.length > MOST_PORTS ? undefined : ports.join(',')
}
