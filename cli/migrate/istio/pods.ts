import { parse } from 'yaml'
import type { AnnotationName } from '../../../injector/annotations.ts'
import { mapOf } from '../../../local/problems/checked.ts'
import type { Exchanged, MetadataExchange } from '../pod-metadata.ts'

/** Those whose values mean the same. */
const SAME: Readonly<Record<string, AnnotationName>> = {
  'traffic.sidecar.istio.io/includeInboundPorts': 'include-inbound-ports',
  'traffic.sidecar.istio.io/excludeInboundPorts': 'exclude-inbound-ports',
  'traffic.sidecar.istio.io/includeOutboundPorts': 'include-outbound-ports',
  'traffic.sidecar.istio.io/excludeOutboundPorts': 'exclude-outbound-ports',
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': 'exclude-outbound-cidrs',
  'sidecar.istio.io/proxyCPU': 'proxy-cpu-request',
  'sidecar.istio.io/proxyCPULimit': 'proxy-cpu-limit',
  'sidecar.istio.io/proxyMemory': 'proxy-memory-request',
  'sidecar.istio.io/proxyMemoryLimit': 'proxy-memory-limit',
  'sidecar.istio.io/rewriteAppHTTPProbers': 'rewrite-probes',
}
const LOG_LEVELS: Readonly<Record<string, string>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
}
const NOTHING: ReadonlySet<string> = new Set([
  'sidecar.istio.io/status',
  'istio.io/use-waypoint',
  'security.istio.io/tlsMode',
  'service.istio.io/canonical-name',
  'service.istio.io/canonical-revision',
])
const INJECT: Readonly<Record<string, 'enabled' | 'disabled'>> = {
  enabled: 'enabled',
  true: 'enabled',
  disabled: 'disabled',
  false: 'disabled',
  ambient: 'enabled',
  none: 'disabled',
}
const IN_LABELS: ReadonlySet<string> = new Set([
  'istio-injection',
  'sidecar.istio.io/inject',
  'istio.io/dataplane-mode',
])
/** Istio samples in percent. */
const PERCENT = 100

/** Labels and annotations of Istio on namespaces and pods. */
export const ISTIO_METADATA: MetadataExchange = {
  belongs: (name) => name === 'istio-injection' || /^(?:[^/]+\.)?istio\.io\//.test(name),
  exchange(name, value) {
    if (name === 'istio.io/rev') return { inject: 'enabled' }
    if (IN_LABELS.has(name) && Object.hasOwn(INJECT, value)) return { inject: INJECT[value] ?? 'enabled' }
    const same = Object.hasOwn(SAME, name) ? SAME[name] : undefined
    if (same !== undefined) return { annotations: { [same]: value } }
    if (NOTHING.has(name) || name.startsWith('readiness.status.sidecar.istio.io/')) return { nothing: true }
    return special(name, value)
  },
}

function special(name: string, value: string): Exchanged {
  switch (name) {
    case 'sidecar.istio.io/logLevel': {
      const level = Object.hasOwn(LOG_LEVELS, value) ? LOG_LEVELS[value] : undefined
      return level === undefined
        ? { lost: 'say weft.dev/proxy-log-level: debug, info, warn or error' }
        : { annotations: { 'proxy-log-level': level } }
    }
    case 'sidecar.istio.io/nativeSidecar':
      return { annotations: { 'sidecar-order': value === 'false' ? 'classic' : 'native' } }
    case 'traffic.sidecar.istio.io/includeOutboundIPRanges':
      return value === '*'
        ? { nothing: true }
        : { lost: 'name in weft.dev/exclude-outbound-cidrs what is to leave directly' }
    case 'proxy.istio.io/config':
      return proxyConfig(value)
    default:
      return { lost: 'look in docs/annotations.md for what a pod may say' }
  }
}

/** What a pod says of Istio's ProxyConfig; YAML. */
function proxyConfig(value: string): Exchanged {
  let config: Readonly<Record<string, unknown>>
  try {
    config = mapOf(parse(value, { maxAliasCount: 0 }))
  } catch {
    return { lost: 'write YAML: it can not be read' }
  }
  const annotations: Partial<Record<AnnotationName, string>> = {}
  const others: string[] = []
  for (const [name, one] of Object.entries(config)) {
    const sampling = name === 'tracing' ? mapOf(one)['sampling'] : undefined
    const seconds = /^(\d+)s$/.exec(typeof one === 'string' ? one : '')?.[1]
    if (name === 'concurrency' && typeof one === 'number' && one > 0)
      annotations['proxy-concurrency'] = String(one)
    else if (name === 'terminationDrainDuration' && seconds !== undefined)
      annotations['drain-seconds'] = seconds
    else if (typeof sampling === 'number') annotations['trace-sampling'] = String(sampling / PERCENT)
    // A native sidecar is ready before the application starts.
    else if (name !== 'holdApplicationUntilProxyStarts') others.push(name)
  }
  if (others.length > 0) return { lost: `take out ${others.join(', ')}, and convert it again` }
  return { annotations }
}
