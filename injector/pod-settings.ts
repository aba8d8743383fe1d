import type { PodOptions } from './annotations.ts'
import { ANNOTATION_PREFIX, PROXY_PROTOCOL } from '../core/contract.ts'
import type { ProxyProtocolVersion } from '../core/proxy-protocol.ts'
import { defaultCapture } from './rules/capture.ts'
import type { CaptureSettings } from './rules/capture.ts'
import { cpuMillis, memoryBytes } from './quantity.ts'
import type { InjectorSettings, Resources } from './settings.ts'

/** The installation's settings with one pod's annotations applied. */
export interface PodSettings extends InjectorSettings {
  readonly capture: CaptureSettings
  readonly concurrency: number | undefined
  readonly traceSampling: number | undefined
  /** Milliseconds; 0: never. */
  readonly idleTimeoutMs: number | undefined
  readonly rewriteProbes: boolean
  /** The pod's Node.js applications carry traces on. */
  readonly stitchTraces: boolean
  /** Ports whose application wants the PROXY protocol. */
  readonly proxyProtocol: ReadonlyMap<number, ProxyProtocolVersion>
}

export function podSettings(
  settings: InjectorSettings,
  options: PodOptions,
): { settings: PodSettings; warnings: string[] } {
  const warnings: string[] = []
  const image = (name: 'proxy-image' | 'init-image', preset: string): string => {
    const own = options[name]
    if (own === undefined || own === preset) return preset
    if (settings.imageAnnotations) return own
    warnings.push(
      `annotation ${ANNOTATION_PREFIX}${name} is ignored: the installation does not allow it (imageAnnotations)`,
    )
    return preset
  }
  const order = options['sidecar-order'] ?? settings.order
  const stitch = options['stitch-traces'] === 'on'
  if (stitch && order === 'classic')
    warnings.push(
      `annotation ${ANNOTATION_PREFIX}stitch-traces is ignored: a classic sidecar starts with the application, which would not find it`,
    )
  return {
    settings: {
      ...settings,
      proxyImage: image('proxy-image', settings.proxyImage),
      initImage: image('init-image', settings.initImage),
      imagePullPolicy: options['image-pull-policy'] ?? settings.imagePullPolicy,
      order,
      stitchTraces: stitch && order === 'native',
      resources: mergeResources(settings.resources, options, warnings),
      logLevel: options['proxy-log-level'] ?? settings.logLevel,
      metricNames: options['metric-names'] ?? settings.metricNames,
      drainSeconds: options['drain-seconds'] ?? settings.drainSeconds,
      capture: {
        ...defaultCapture,
        includeInboundPorts: options['include-inbound-ports'] ?? '*',
        excludeInboundPorts: options['exclude-inbound-ports'] ?? [],
        includeOutboundPorts: options['include-outbound-ports'] ?? '*',
        excludeOutboundPorts: options['exclude-outbound-ports'] ?? [],
        excludeOutboundCidrs: [
          ...settings.excludeOutboundCidrs,
          ...(options['exclude-outbound-cidrs'] ?? []),
        ],
      },
      concurrency: options['proxy-concurrency'],
      traceSampling: options['trace-sampling'],
      idleTimeoutMs: options['idle-timeout'],
      rewriteProbes: options['rewrite-probes'] ?? true,
      proxyProtocol: options[PROXY_PROTOCOL] ?? new Map(),
    },
    warnings,
  }
}

/** A request above the limit is refused by the API server, so the limit follows the request. */
function mergeResources(defaults: Resources, options: PodOptions, warnings: string[]): Resources {
  const merge = (kind: 'cpu' | 'memory', presets: [string, string], size: (text: string) => number) => {
    const givenRequest = options[`proxy-${kind}-request`]
    const givenLimit = options[`proxy-${kind}-limit`]
    const request = givenRequest ?? presets[0]
    const limit = givenLimit ?? presets[1]
    if (size(request) <= size(limit)) return [request, limit] as const
    if (givenRequest === undefined) return [limit, limit] as const
    if (givenLimit !== undefined) {
      warnings.push(
        `annotation weft.dev/proxy-${kind}-limit is ignored: it is below the request of ${request}`,
      )
    }
    return [request, request] as const
  }
  const [cpuRequest, cpuLimit] = merge('cpu', [defaults.cpuRequest, defaults.cpuLimit], cpuMillis)
  const [memoryRequest, memoryLimit] = merge(
    'memory',
    [defaults.memoryRequest, defaults.memoryLimit],
    memoryBytes,
  )
  return { cpuRequest, cpuLimit, memoryRequest, memoryLimit }
}
