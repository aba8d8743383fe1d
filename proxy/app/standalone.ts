import { readFileSync } from 'node:fs'
import { processFamilies } from '../../core/metrics/process-families.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { adminHandler } from '../admin/admin.ts'
import { serveEndpoint } from '../admin/http-endpoint.ts'
import { readBootstrap, type ProxyBootstrap } from '../bootstrap/bootstrap.ts'
import { createStaticConfiguration } from '../bootstrap/configuration.ts'
import { Runtime } from '../runtime.ts'
import type { LogMode } from '../../core/telemetry-settings.ts'
import type { Exporter } from '../telemetry/exporter.ts'
import { standaloneResource, type ResourceAttributes } from '../telemetry/resource.ts'
import { clusterFamilies } from '../telemetry/cluster-metrics.ts'
import type { MetricNameSet } from '../../core/metrics/name-sets.ts'
import { connectionFamilies } from '../telemetry/sidecar-families.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { loadOriginalDestination } from '../transport/original-destination.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'
import { bootstrapDump, certificates } from './config-dump.ts'
import { drain } from './drain.ts'
import { releaseFreedMemory } from './freed-memory.ts'
import { watchIdleMemory } from './idle-memory.ts'
import { releaseStartupPages } from './startup-pages.ts'

export interface StandaloneOptions {
  /** Path of the bootstrap file. */
  readonly bootstrap: string
  /** Where spans and metrics go; undefined: nowhere. */
  readonly exporter: Exporter | undefined
  readonly accessLog: LogMode
  /** Under whose names Prometheus finds requests; left out: Weft's. */
  readonly metricNames?: ReadonlySet<MetricNameSet>
  readonly drainMs: number
  readonly maxConnections?: number | undefined
  readonly samplingPercent: number | undefined
  /** OTEL_RESOURCE_ATTRIBUTES: goes before what the bootstrap says. */
  readonly resource: ResourceAttributes
  readonly log: Logger
}

export interface RunningProxy {
  /** Port that a listener got, by its name. */
  port(listener: string): number | undefined
  stop(): Promise<void>
}

/**
 * A proxy from a bootstrap file alone. Throws WeftError `bootstrap.invalid` with a line for each problem, or
 * `listener.bind`.
 */
export async function startStandalone(options: StandaloneOptions): Promise<RunningProxy> {
  const { log } = options
  const bootstrap = readBootstrapFile(options.bootstrap)
  if (bootstrap.dynamic)
    throw new WeftError(
      'bootstrap.dynamic',
      `${options.bootstrap}: a proxy that runs alone takes static_resources only; a sidecar is started with --sidecar`,
      { field: 'dynamic_resources' },
    )
  const configuration = createStaticConfiguration(bootstrap)
  const secrets = new Watched<WorkloadSecrets | undefined>(undefined)
  const telemetry = new Telemetry({
    resource: standaloneResource(bootstrap.node, options.resource),
    exporter: options.exporter,
    accessLog: options.accessLog,
    metricNames: options.metricNames,
    samplingPercent: options.samplingPercent,
  })
  const captures = bootstrap.static.listeners.some((listener) => listener.useOriginalDst)
  const runtime = new Runtime({
    configuration,
    secrets,
    readSpiffeId: () => ({ ok: false, reason: 'this proxy has no mesh identity' }),
    telemetry,
    originalDestination: captures ? loadOriginalDestination() : undefined,
    ownAddresses: [],
    locality: bootstrap.node.locality,
    maxConnections: options.maxConnections,
    log,
  })
  telemetry.addMetrics(() => [
    ...clusterFamilies(runtime.clusters),
    ...connectionFamilies(runtime.openConnections, telemetry.metrics.since),
    ...processFamilies(),
  ])
  let draining = false
  const admin = bootstrap.admin
  let server: Awaited<ReturnType<typeof serveEndpoint>>['server'] | undefined
  try {
    await runtime.bindListeners((error) =>
      log.error('a listener is not bound', { reason: describeError(error) }),
    )
    if (admin) {
      const handler = adminHandler({
        ready: () => ({ ready: !draining, reason: draining ? 'draining' : '' }),
        metrics: (request) => telemetry.exposition(request),
        clusters: runtime.clusters,
        configDump: () => bootstrapDump(bootstrap.message),
        certificates: () => certificates(secrets),
      })
      server = (await serveEndpoint(admin.host, admin.port, handler, { localOnly: true })).server
    }
  } catch (error) {
    runtime.close()
    await telemetry.close()
    throw error
  }
  const memory = [
    releaseStartupPages(log),
    releaseFreedMemory({ begun: () => runtime.begun, log }),
    watchIdleMemory({ begun: () => runtime.begun, active: () => runtime.active }),
  ]
  return {
    port: (listener) => runtime.boundPort(listener),
    async stop() {
      for (const one of memory) one.cancel()
      draining = true
      const begin = (): void => {
        runtime.drainInbound()
        runtime.drainOutbound()
      }
      const target = {
        begin,
        active: () => runtime.active,
        begun: () => runtime.begun,
        open: () => runtime.open,
      }
      await drain(target, { limitMs: options.drainMs }, log)
      server?.close()
      runtime.close()
      await telemetry.close()
    },
  }
}

/** Throws WeftError `bootstrap.unreadable`, or `bootstrap.invalid` with a line for each problem. */
export function readBootstrapFile(path: string): ProxyBootstrap {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new WeftError('bootstrap.unreadable', `${path} can't be read: ${describeError(error)}`, {
      field: '--bootstrap',
    })
  }
  const result = readBootstrap(text, { fileName: path })
  if (result.ok) return result.bootstrap
  throw new WeftError('bootstrap.invalid', result.problems.join('\n'))
}
