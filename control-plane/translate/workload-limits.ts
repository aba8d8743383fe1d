import { ANNOTATION_PREFIX } from '../../core/contract.ts'
import { WORKLOAD_LIMITS, type LimitName } from '../../core/workload-limits.ts'
import { NO_LIMITS, type WorkloadLimits } from '../model/workload-limits.ts'
import type { PodObject } from '../registry/kinds/core.ts'

const PROPERTIES: Readonly<Record<LimitName, keyof WorkloadLimits>> = {
  'max-header-fields': 'headerFields',
  'max-header-kib': 'headerKib',
  'max-request-body': 'requestBytes',
  'idle-timeout': 'idleMs',
  'application-idle-timeout': 'applicationIdleMs',
  'request-headers-timeout': 'requestHeadersMs',
  'request-timeout': 'requestMs',
  'ping-interval': 'pingIntervalMs',
  'ping-timeout': 'pingTimeoutMs',
  'tcp-keepalive-time': 'tcpKeepAliveMs',
  'tcp-keepalive-interval': 'tcpKeepAliveIntervalMs',
  'tcp-keepalive-probes': 'tcpKeepAliveProbes',
}

/**
 * What the pod's annotations say of its limits, and `preset` where they say nothing. A wrong one counts as absent: the
 * injector has warned whoever made the pod. Pods that say nothing share one object.
 */
export function limitsOf(pod: PodObject, preset: WorkloadLimits = NO_LIMITS): WorkloadLimits {
  const own = limitsFrom((name) => {
    const text = pod.meta.annotations[ANNOTATION_PREFIX + name]?.trim()
    return text === undefined ? undefined : parsed(name, text)
  })
  return own === NO_LIMITS ? preset : preset === NO_LIMITS ? own : { ...preset, ...own }
}

/** Those that `read` has a value for, in the unit of its property; `NO_LIMITS` where it has none. */
export function limitsFrom(read: (name: LimitName) => number | undefined): WorkloadLimits {
  const limits: { -readonly [name in keyof WorkloadLimits]: WorkloadLimits[name] } = {}
  for (const name of Object.keys(PROPERTIES) as LimitName[]) {
    const value = read(name)
    if (value !== undefined) limits[PROPERTIES[name]] = value
  }
  return Object.keys(limits).length > 0 ? limits : NO_LIMITS
}

function parsed(name: LimitName, text: string): number | undefined {
  try {
    return WORKLOAD_LIMITS[name].parse(text)
  } catch {
    return undefined
  }
}
