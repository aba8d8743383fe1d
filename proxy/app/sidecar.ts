import type { Server } from 'node:http'
import {
  ADMIN_PORT,
  HEALTH_PORT,
  INBOUND_LISTENER,
  INBOUND_PORT,
  METRICS_PORT,
  NODE_NAMESPACE,
  NODE_POD_NAME,
  NODE_RUNTIME,
  NODE_TAKES,
  OUTBOUND_PORT,
  READY_PATH,
  TAKES_JWT,
  TAKES_OWNERS,
  TAKES_OUTLIER_DETECTION,
  TAKES_RBAC,
  TAKES_ROUTE_LOG,
  TAKES_TAP,
  TAKES_TELEMETRY,
  TAKES_TRUST,
  USER_AGENT,
} from '../../core/contract.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { workloadId } from '../../certs/spiffe-id.ts'
import type { AppProbe } from '../../core/app-probe.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import { describeError } from '../../core/errors.ts'
import type { Exposition, ExpositionRequest } from '../../core/metrics/exposition.ts'
import type { MetricNameSet } from '../../core/metrics/name-sets.ts'
import { processFamilies } from '../../core/metrics/process-families.ts'
import { formatPeerWorkload, workloadOfResource } from '../../core/peer-workload.ts'
import { readProxyQuestion } from '../../core/explain/proxy-question.ts'
import type { Logger } from '../../core/log.ts'
import { TAP_QUESTION } from '../../core/tap/tap-protocol.ts'
import { adminHandler, metricsReply, readiness } from '../admin/admin.ts'
import { explainPage } from '../admin/explain-page.ts'
import { appProbeHandler } from '../admin/app-probes.ts'
import { serveEndpoint } from '../admin/http-endpoint.ts'
import { openControlPlane, readToken, type ControlPlaneEndpoint } from '../identity/control-plane-client.ts'
import { explain } from '../explain/explain.ts'
import { createIdentity } from '../identity/identity.ts'
import { PeerTrust } from '../identity/peer-trust.ts'
import type { Locality } from '../model/balancing.ts'
import { endpointLoads } from '../questions/endpoint-loads.ts'
import { answerQuestions, type Telling } from '../questions/questions.ts'
import { Runtime } from '../runtime.ts'
import type { LogMode } from '../../core/telemetry-settings.ts'
import { reopeningExporter } from '../telemetry/reopening-exporter.ts'
import { sidecarResource, type ReportingPod, type ResourceAttributes } from '../telemetry/resource.ts'
import { clusterFamilies } from '../telemetry/cluster-metrics.ts'
import { ejectionFamilies } from '../telemetry/ejection-families.ts'
import { connectionFamilies, sidecarFamilies } from '../telemetry/sidecar-families.ts'
import { ObservedCalls } from '../telemetry/observed-calls/observed-calls.ts'
import { Taps } from '../telemetry/taps/taps.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { loadOriginalDestination, type OriginalDestination } from '../transport/original-destination.ts'
import { ADS_CHANNEL, createAdsClient } from '../xds/ads-client.ts'
import { ResourceTable } from '../xds/resource-table.ts'
import { snapshotFile } from '../xds/snapshot-file.ts'
import { certificates, configDump } from './config-dump.ts'
import { drain } from './drain.ts'
import { releaseFreedMemory } from './freed-memory.ts'
import { watchIdleMemory } from './idle-memory.ts'
import { releaseStartupPages } from './startup-pages.ts'

export interface SidecarOptions {
  readonly controlPlane: ControlPlaneEndpoint
  readonly trustDomain: string
  readonly stateDirectory: string
  /** `zone`: '' where it is not known. */
  readonly pod: ReportingPod & { readonly addresses: readonly string[]; readonly zone: string }
  readonly serviceAccount: string
  /** What names the pod in telemetry, as its injector says. */
  readonly resource: ResourceAttributes
  readonly appProbes: ReadonlyMap<string, AppProbe>
  /** Ports whose application wants the PROXY protocol, from the sidecar's own probes and the pod itself, too. */
  readonly ownProxyProtocol: ReadonlyMap<number, ProxyProtocolVersion>
  readonly accessLog: LogMode
  /** Under whose names Prometheus finds requests; left out: Weft's. */
  readonly metricNames?: ReadonlySet<MetricNameSet>
  readonly drainMs: number
  readonly maxConnections?: number | undefined
  /** Of connections past the mesh; 0: for ever. Default 1 h. */
  readonly passthroughIdleMs?: number | undefined
  /** How connections come to it; left out: by the capture rules of its pod. */
  readonly capture?: Capture
  /** Left out: those of the contract. 0: any free one. */
  readonly ports?: Pick<typeof PORTS, 'admin' | 'health' | 'metrics'>
  /** 0 to 100; undefined: as the control plane says. */
  readonly samplingPercent: number | undefined
  readonly log: Logger
}

/** A place of its own for what captured connections arrive at. */
export interface Capture {
  readonly originalDestination: OriginalDestination
  /** Resolves with the address that stands for all. */
  bind(runtime: Runtime): Promise<string>
}

export interface RunningSidecar {
  /** Serves on until idle or the limit, then ends everything. */
  stop(): Promise<void>
}

const PORTS = {
  outbound: OUTBOUND_PORT,
  inbound: INBOUND_PORT,
  admin: ADMIN_PORT,
  health: HEALTH_PORT,
  metrics: METRICS_PORT,
}
const SAVE_AFTER_MS = 200
const COLLECT_EVERY_MS = 60_000

/** A pod's sidecar: identity, configuration, data plane, telemetry, admin. Resolves once its ports are bound. */
export async function startSidecar(options: SidecarOptions): Promise<RunningSidecar> {
  const { log, pod, trustDomain, controlPlane } = options
  const table = new ResourceTable({ pinned: [{ kind: 'listener', name: INBOUND_LISTENER }] })
  const snapshot = snapshotFile(options.stateDirectory)
  try {
    const problems = snapshot.load(table)
    if (problems)
      log.info('configuration of the former process in use', {
        version: table.version,
        ...(problems.length > 0 && { askedForAgain: problems.slice(0, 10) }),
      })
  } catch (error) {
    log.warn('the kept configuration is not used', { reason: describeError(error) })
  }

  const spiffeId = workloadId(trustDomain, pod.namespace, options.serviceAccount)
  const identity = createIdentity({
    ...controlPlane,
    stateDir: options.stateDirectory,
    trustDomain,
    spiffeId,
    log,
  })
  const trust = new PeerTrust({
    trustDomain,
    secrets: identity.secrets,
    listener: table.listener(INBOUND_LISTENER),
    log,
  })
  trust.ownRevoked.watch((revoked) => revoked && identity.renew())
  const resource = sidecarResource(pod, options.resource)
  const workload = workloadOfResource(resource)
  const telemetry = new Telemetry({
    resource,
    exporter: reopeningExporter(() => controlPlaneExporter(controlPlane)),
    accessLog: options.accessLog,
    metricNames: options.metricNames,
    observed: new ObservedCalls(Date.now(), pod.addresses),
    samplingPercent: options.samplingPercent,
  })
  const taps = new Taps({ resource, listen: (listener) => (telemetry.tap = listener) })
  const inbound = table.listener(INBOUND_LISTENER)
  const configureTelemetry = (): void => {
    // What was said last holds while nothing is known.
    if (!inbound.value) return
    const settings = inbound.value.telemetry ?? {}
    telemetry.configure(settings)
    taps.allowed = settings.tap ?? true
  }
  configureTelemetry()
  inbound.watch(configureTelemetry)
  const runtime = new Runtime({
    configuration: table,
    secrets: trust.secrets,
    readSpiffeId: trust.read,
    telemetry,
    originalDestination: options.capture?.originalDestination ?? loadOriginalDestination(),
    ownAddresses: pod.addresses,
    locality: localityOf(pod),
    ownProxyProtocol: options.ownProxyProtocol,
    ...(workload && { peer: formatPeerWorkload(workload) }),
    maxConnections: options.maxConnections,
    passthroughIdleMs: options.passthroughIdleMs,
    log,
  })

  const self = { pod: pod.name, namespace: pod.namespace }
  let saving: NodeJS.Timeout | undefined
  const saveNow = (): void => {
    clearTimeout(saving)
    saving = undefined
    try {
      snapshot.save(table)
    } catch (error) {
      log.error('the configuration could not be kept for a restart', { reason: describeError(error) })
    }
  }
  const save = (): void => {
    saving ??= setTimeout(saveNow, SAVE_AFTER_MS)
  }
  let changedAt: number | undefined
  const changed = (): void => {
    changedAt = Date.now()
    save()
  }
  const kinds = {
    explain: (question: unknown) => explain(readProxyQuestion(question), runtime.live, self),
    endpoints: async (question: unknown) =>
      endpointLoads(question, runtime.clusters, runtime.live.exchange.clock.now()),
  }
  const followed = {
    [TAP_QUESTION]: (question: unknown, telling: Telling) => taps.open(question, telling),
  }
  const ads = createAdsClient({
    table,
    node: nodeOf(options),
    open: () => openControlPlane(controlPlane, ADS_CHANNEL),
    log,
    beside: (client, metadata) => answerQuestions(client, metadata, { pod: pod.name, kinds, followed }),
    changed,
  })
  const collecting = setInterval(() => {
    if (table.collect({ connected: ads.connected.value }) > 0) save()
  }, COLLECT_EVERY_MS)
  collecting.unref()

  const { since } = telemetry.metrics
  telemetry.addMetrics(() => {
    const state = {
      secrets: identity.secrets.value,
      version: table.version,
      changedAt,
      refused: ads.refused,
      connected: ads.connected.value,
    }
    return [
      ...clusterFamilies(runtime.clusters),
      ...connectionFamilies(runtime.openConnections, since),
      ...sidecarFamilies(state, { now: Date.now(), since }),
      ...processFamilies(),
    ]
  })
  telemetry.addPromptMetrics(() => ejectionFamilies(runtime.clusters, runtime.live.exchange.clock.now()))
  const metrics = (request: ExpositionRequest): Exposition => telemetry.exposition(request)
  let draining = false
  const ready = (): { ready: boolean; reason: string } => {
    if (draining) return notReady('draining')
    const because = ads.problem === '' ? '' : `: ${ads.problem}`
    if (!identity.secrets.value) return notReady(`no certificate yet${because}`)
    const inbound = table.listener(INBOUND_LISTENER).value
    if (inbound === undefined) return notReady(`no configuration yet${because}`)
    if (inbound === null) return notReady('the control plane does not know this pod yet')
    return { ready: true, reason: '' }
  }

  identity.start()
  ads.start()
  const memory = [
    releaseStartupPages(log),
    releaseFreedMemory({ begun: () => runtime.begun, log }),
    watchIdleMemory({ begun: () => runtime.begun, active: () => runtime.active }),
  ]
  const servers: Server[] = []
  const serve = async (...args: Parameters<typeof serveEndpoint>): Promise<void> => {
    servers.push((await serveEndpoint(...args)).server)
  }
  const stop = async (): Promise<void> => {
    for (const one of memory) one.cancel()
    for (const server of servers) server.close()
    ads.close()
    identity.close()
    clearInterval(collecting)
    if (saving) saveNow()
    runtime.close()
    await telemetry.close()
  }
  try {
    const any = await (options.capture ? options.capture.bind(runtime) : bindAll(runtime))
    const ports = options.ports ?? PORTS
    const pages = {
      ready,
      metrics,
      clusters: runtime.clusters,
      configDump: () => configDump(table),
      certificates: () => certificates(identity.secrets),
      explain: explainPage((question) => explain(question, runtime.live, self)),
    }
    const probes = appProbeHandler(
      options.appProbes,
      pod.addresses[0] ?? '127.0.0.1',
      options.ownProxyProtocol,
    )
    await serve('127.0.0.1', ports.admin, adminHandler(pages), { localOnly: true })
    await serve(any, ports.health, (url, message) =>
      url.pathname === READY_PATH ? readiness(pages) : probes(url, message),
    )
    await serve(any, ports.metrics, (url, message) =>
      url.pathname === '/metrics' || url.pathname === '/stats/prometheus'
        ? metricsReply(metrics, url, message)
        : undefined,
    )
    return {
      async stop() {
        draining = true
        const target = {
          begin: () => runtime.drainInbound(),
          active: () => runtime.active,
          begun: () => runtime.begun,
        }
        await drain(target, { limitMs: options.drainMs }, log)
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A node is a sub-zone. */
function localityOf({ zone, node }: SidecarOptions['pod']): Locality {
  return { region: '', zone, subZone: node }
}

/** Who asks for configuration, and which fields beyond the first version's it takes. */
export function nodeOf({ pod }: { readonly pod: SidecarOptions['pod'] }) {
  return {
    id: `${pod.name}.${pod.namespace}`,
    cluster: pod.namespace,
    userAgentName: USER_AGENT,
    userAgentVersion: packageJson.version,
    locality: localityOf(pod),
    metadata: {
      [NODE_NAMESPACE]: pod.namespace,
      [NODE_POD_NAME]: pod.name,
      [NODE_RUNTIME]: process.versions.node,
      [NODE_TAKES]: [
        TAKES_OUTLIER_DETECTION,
        TAKES_RBAC,
        TAKES_JWT,
        TAKES_TRUST,
        TAKES_TELEMETRY,
        TAKES_OWNERS,
        TAKES_TAP,
        TAKES_ROUTE_LOG,
      ].join(' '),
    },
  }
}

/**
 * What the pod's application opens is redirected to loopback, what comes from outside to the pod's own address. Gives
 * the address that stands for all: IPv6's, which takes IPv4 too, where the pod has IPv6.
 */
async function bindAll(runtime: Runtime): Promise<string> {
  await runtime.serveOutbound('127.0.0.1', PORTS.outbound)
  const any = await firstOf(
    () => runtime.serveInbound('::', PORTS.inbound).then(() => '::'),
    () => runtime.serveInbound('0.0.0.0', PORTS.inbound).then(() => '0.0.0.0'),
  )
  if (any === '::')
    await firstOf(
      () => runtime.serveOutbound('::1', PORTS.outbound),
      () => Promise.resolve(0),
    )
  return any
}

async function firstOf<T>(attempt: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error
    return otherwise()
  }
}

async function controlPlaneExporter(endpoint: ControlPlaneEndpoint) {
  const { client } = await openControlPlane(endpoint)
  const { createGrpcExporter } = await import('../telemetry/grpc-exporter.ts')
  return createGrpcExporter({ client, token: () => readToken(endpoint.tokenPath) })
}

function notReady(reason: string): { ready: false; reason: string } {
  return { ready: false, reason }
}
