import { hostname } from 'node:os'
import { fastify, type FastifyInstance } from 'fastify'
import { ServerCredentials } from '@grpc/grpc-js'
import packageJson from '../package.json' with { type: 'json' }
import { capConnections, refusePipelined } from '../core/connection-cap.ts'
import { systemClock, type Clock } from '../core/clock.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { inTurns } from '../core/in-turns.ts'
import type { Logger } from '../core/log.ts'
import type { Problem } from '../core/problem.ts'
import { loadServingCertificate } from '../core/serving-certificate.ts'
import { watchFiles } from '../core/watch-files.ts'
import type { Issuer } from './issuers/issuer.ts'
import { addressRule } from './jwks/allowed-address.ts'
import { jsonFetcher, type FetchOptions } from './jwks/fetch-json.ts'
import { keyStore } from './jwks/key-store.ts'
import { createMesh, type MeshBrain } from './mesh.ts'
import { canaryViews } from './canary/view.ts'
import { ownCounts } from './canary/evidence/counts.ts'
import type { CanaryView } from './canary/view.ts'
import { otherReplicas, type Replica } from './canary/evidence/gathered-counts.ts'
import { anyProxy, ownProxies } from './explain/ask-proxy.ts'
import { federatedBundles } from './federation/federated-bundles.ts'
import type { BundleSource } from './federation/sources.ts'
import type { Mesh } from './model/mesh.ts'
import type { WorkloadLimits } from './model/workload-limits.ts'
import { policyObjects } from './policy-objects.ts'
import { EMPTY_SNAPSHOT, type Snapshot } from './registry/snapshot.ts'
import type { OpenPlatform } from './platform/platform.ts'
import type { Access } from './serve/access/access.ts'
import { openAccess } from './serve/access/open-access.ts'
import { openChecks } from './serve/checks/open-checks.ts'
import { discoveryService } from './serve/ads/service.ts'
import { serveGrpc, type GrpcAddress, type RunningGrpcServer } from './serve/grpc-server.ts'
import type { DashboardFile } from './serve/rest/dashboard-files.ts'
import { ownSidecars } from './serve/answers/own-sidecars.ts'
import { ownTelemetry } from './serve/answers/own-telemetry.ts'
import { EventLog } from './serve/events/event-log.ts'
import { recordEvents } from './serve/events/recorder.ts'
import { topologyReader, type Topology } from './serve/graph/topology.ts'
import type { AskCanary } from './serve/rest/canary-actions.ts'
import { ControlPlaneMetrics } from './serve/metrics/control-plane-metrics.ts'
import type { TracingAddress } from './serve/outside/tracing-address.ts'
import { storeStates } from './serve/metrics/store-states.ts'
import { overviewOf, type ProxyStream } from './serve/rest/overview.ts'
import { rest } from './serve/rest/rest.ts'
import { TAP_ANNOTATION } from './serve/rest/tap-page.ts'
import { alsoTapped, Tap } from './serve/telemetry/tap.ts'
import { injectionsOf } from './serve/injections/injections.ts'
import { concernedObjects } from './serve/service/concerned-objects.ts'
import type { ReadObject } from './serve/service/object-yaml.ts'
import { questionService } from './serve/questions/service.ts'
import { serveHttps, type RunningHttpsServer } from './serve/https-server.ts'
import { serverCertificate, type ServerCertificate } from './serve/server-certificate.ts'
import { revocationRefusal } from './serve/signing/revocation.ts'
import { signingService } from './serve/signing/service.ts'
import { reportedMesh } from './serve/telemetry/followed-routes.ts'
import { alsoDecisions, DecisionStore } from './serve/telemetry/decision-store.ts'
import { createForwarder, type CollectorAddress } from './serve/telemetry/forwarder.ts'
import { ownersOfAddresses } from './serve/telemetry/address-owners.ts'
import { ObservedStore } from './serve/telemetry/observed-store.ts'
import { MetricStore } from './serve/telemetry/metric-store.ts'
import { observing } from './serve/telemetry/observed-view.ts'
import { telemetryServices } from './serve/telemetry/receiver.ts'
import { ownerOfEndpoint } from './serve/telemetry/endpoint-owners.ts'
import { SidecarStore } from './serve/telemetry/sidecar-store.ts'
import { TraceStore } from './serve/telemetry/trace-store.ts'
import { alsoKept, STORE_IN_MEMORY, TelemetryStore } from './store/store.ts'
import type { StoreOptions } from './store/messages.ts'
import type { Quotas } from './quotas.ts'
import { authenticate } from './serve/tokens/authenticate.ts'

export interface ControlPlaneOptions {
  readonly platform: OpenPlatform
  readonly trustDomain: string
  /** Other names of it, of a migration; default none. */
  readonly trustDomainAliases?: readonly string[]
  /** Whose identities count beside the mesh's own. */
  readonly federation?: readonly BundleSource[]
  /** Of the serving certificate. */
  readonly dnsNames: readonly string[]
  readonly grpc: GrpcAddress
  /** Discovery alone, without TLS and credentials, for xDS clients that are not ours; loopback only. */
  readonly grpcPlaintext: GrpcAddress | undefined
  readonly http: GrpcAddress
  /** The same pages over TLS; left out: nowhere. */
  readonly https?: HttpsOptions | undefined
  /** By which the dashboard is asked, beside addresses, localhost and `dnsNames`. */
  readonly httpHosts?: readonly string[]
  /** 0 to 100. */
  readonly samplingPercent: number
  /** What sidecars take where their pod says nothing; left out, as documented. */
  readonly limits?: WorkloadLimits | undefined
  /** Of certificates for those who ask for no lifetime; milliseconds. */
  readonly leafLifeMs?: number | undefined
  /** How keys of token issuers are fetched; left out: by https, from nowhere on this machine. */
  readonly jwks?: FetchOptions | undefined
  /** The longest that streams of proxies last once it ends; milliseconds, default 0. */
  readonly drainMs?: number
  /** Where reports go on to. */
  readonly collector?: CollectorAddress | undefined
  /** Where traces are read in place of the own store. */
  readonly tracing?: TracingAddress | undefined
  /** Default: those of no flag. */
  readonly quotas?: Quotas | undefined
  /** Other replicas; default those behind the control plane's Service. */
  readonly replicas?: (() => readonly Replica[]) | undefined
  /** Where telemetry is kept, and how much of it; default: a little of it in memory. */
  readonly store?: StoreOptions | undefined
  readonly dashboard: ReadonlyMap<string, DashboardFile>
  readonly log: Logger
  /** By which certificates are made. */
  readonly clock?: Clock | undefined
  /** Ends a start that still waits for its platform. */
  readonly signal?: AbortSignal
}

export interface HttpsOptions {
  readonly address: GrpcAddress
  /** Followed as they change; left out: the certificate of gRPC. */
  readonly files?: { readonly certificate: string; readonly key: string } | undefined
}

export interface RunningControlPlane {
  readonly grpcPort: number
  readonly plaintextPort: number | undefined
  readonly httpPort: number
  readonly httpsPort: number | undefined
  close(): Promise<void>
}

// The kubelet's probes, `weft proxies` and browsers. Whoever holds most gives way to whoever comes.
const HTTP_CONNECTIONS = { total: 256, perAddress: 64 }
// For a request, and for its head; milliseconds.
const HTTP_PATIENCE_MS = 5000
/** How long a start waits for keys of token issuers. */
const KEYS_PATIENCE_MS = 10_000

/**
 * One control plane: platform -> mesh -> discovery, certificates, telemetry, REST. Answers /live at once, and resolves
 * when it serves. Throws WeftError for what cannot be opened or bound.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<RunningControlPlane> {
  const { log, trustDomain, trustDomainAliases = [], clock = systemClock } = options
  const closing: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one()
  }
  try {
    let waitsFor: string | undefined = 'it starts'
    let brain: MeshBrain | undefined
    let snapshot = (): Snapshot => EMPTY_SNAPSHOT
    let proxies: () => readonly ProxyStream[] = () => []
    let told: () => readonly Problem[] = () => []
    let canaries: () => readonly CanaryView[] = () => []
    let signs: Issuer | undefined
    let readObject: ReadObject = async () => undefined
    let installedIn = ''
    let access: Access = openAccess({ acts: false })
    let askCanary: AskCanary = () =>
      Promise.reject(new WeftError('canary.not_asked', 'the control plane starts: ask again'))
    const { quotas } = options
    const questions = questionService()
    let replicas = options.replicas ?? ((): readonly Replica[] => [])
    const own = ownProxies({
      questions,
      proxies: () => proxies(),
      version: () => brain?.snapshot.value.version ?? 0,
    })
    const traces = new TraceStore(quotas?.traces)
    const decisions = new DecisionStore()
    const metrics = new MetricStore(
      reportedMesh(() => brain?.snapshot.value.model),
      quotas?.series,
    )
    const observed = new ObservedStore(ownersOfAddresses(() => brain?.snapshot.value.model))
    const events = new EventLog()
    const tap = new Tap()
    const kept = new TelemetryStore({ ...(options.store ?? STORE_IN_MEMORY), metrics, events, log })
    closing.push(() => kept.close())
    const sidecars = new SidecarStore((cluster, endpoint) =>
      ownerOfEndpoint(brain?.snapshot.value.model, cluster, endpoint),
    )
    const telemetry = ownTelemetry({
      metrics,
      traces,
      events,
      kept,
      sidecars: (now) => ownSidecars(overview.proxies(), sidecars.reports(now), overview.version()),
      ejections: (now) => sidecars.ejections(now),
    })
    const readTopology = topologyReader()
    const topology = (): Topology => readTopology(brain?.snapshot.value.model, snapshot().slices)
    const overview = overviewOf(
      () => brain,
      trustDomain,
      () => proxies(),
      () => told(),
      () => canaries(),
      () => signs,
    )
    const bundle = () => signs?.trust.value.bundle
    const checks = openChecks({
      release: packageJson.version,
      brain: () => brain,
      snapshot: () => snapshot(),
      overview,
      bundle,
      metrics,
      observed,
      decisions,
    })
    closing.push(() => checks.close())
    const counted = new ControlPlaneMetrics()
    closing.push(() => counted.close())
    let waiting = (): number => 0
    const app = fastify({
      forceCloseConnections: true,
      requestTimeout: HTTP_PATIENCE_MS,
      http: { headersTimeout: HTTP_PATIENCE_MS, connectionsCheckingInterval: 1000 },
    })
    capConnections(app.server, HTTP_CONNECTIONS)
    app.addHook('onRequest', (request, reply, done) => {
      if (refusePipelined(request.raw.socket, reply.raw)) reply.hijack()
      else done()
    })
    closing.push(() => app.close())
    await app.register(rest, {
      traces,
      decisions,
      metrics,
      own: telemetry,
      tracing: options.tracing,
      replicas: () => replicas(),
      topology,
      tap: {
        questions,
        traces: tap,
        mesh: () => brain?.snapshot.value.model,
        setting: (namespace) =>
          snapshot().namespaces.get(namespace)?.meta.annotations[TAP_ANNOTATION]?.trim(),
      },
      access: () => access,
      askCanary: (...asked) => askCanary(...asked),
      policyObjects: () => policyObjects(snapshot()),
      families: (mesh) =>
        counted.families({
          mesh,
          waiting: () => waiting(),
          stores: () => storeStates({ traces, decisions, metrics, observed }),
        }),
      observed: (request) => inTurns(observing(observed, brain?.snapshot.value.model, request)),
      release: packageJson.version,
      names: [...options.dnsNames, ...(options.httpHosts ?? [])],
      notReady: () => waitsFor,
      mesh: overview,
      checks: () => checks.find(),
      injections: (namespace) =>
        injectionsOf(snapshot(), (pod) => brain?.snapshot.value.model.workloads.has(pod) ?? false, namespace),
      objects: {
        concerned: (namespace, name) =>
          concernedObjects(
            snapshot(),
            { namespace, name },
            podLabels(brain, `${name}.${namespace}`),
            installedIn,
          ),
        read: (reference) => readObject(reference),
      },
      dashboard: options.dashboard,
      bundle,
      explain: {
        own,
        explaining: {
          mesh: () => servedMesh(brain),
          connected: (pod) => questions.has(pod),
          ask: anyProxy(
            own,
            (pod) => questions.has(pod),
            () => replicas(),
          ),
        },
      },
    })
    const httpPort = await listenHttp(app, options.http)

    const platform = await options.platform({
      trustDomain,
      trustDomainAliases,
      clock,
      log,
      signal: options.signal ?? new AbortController().signal,
      waiting: (reason) => (waitsFor = reason),
    })
    closing.push(() => platform.close())
    const { source, verifier, issuer } = platform
    signs = issuer
    snapshot = () => source.snapshot.value
    replicas =
      options.replicas ??
      (() =>
        otherReplicas(
          source.snapshot.value,
          platform.namespace,
          hostname(),
          platform.access.replicaAuthorization(),
        ))
    access = platform.access
    readObject = (reference) => platform.readObject(reference)
    installedIn = platform.namespace
    askCanary = async (namespace, name, request, by) => {
      await platform.askCanary(namespace, name, request)
      log.info('a Canary was asked for something over REST', { namespace, name, request, by })
    }
    told = () => platform.problems?.() ?? []
    canaries = () => canaryViews(source.snapshot.value.canaries, (canary) => platform.canaryStatus(canary))
    const federation = federatedBundles({ sources: options.federation ?? [], log })
    closing.push(() => federation.close())
    const fetcher = jsonFetcher(options.jwks ?? { allowed: addressRule(), http: false })
    closing.push(() => fetcher.close())
    const keys = keyStore({ fetch: fetcher.fetch, log, kept: platform.keptKeys })
    closing.push(() => keys.close())
    const mesh = createMesh({
      keys,
      source,
      federated: federation.bundles,
      trustDomain,
      trustDomainAliases,
      systemNamespace: platform.namespace,
      log,
      samplingPercent: options.samplingPercent,
      limits: options.limits,
    })
    brain = mesh
    closing.push(() => mesh.close())
    // Sidecars that come back know the keys: they are not to be told that there are none.
    waitsFor = 'the keys of token issuers are fetched'
    await keys.settled(KEYS_PATIENCE_MS)

    const discovery = discoveryService({ snapshot: mesh.snapshot, log, metrics: counted })
    const open = discoveryService({ snapshot: mesh.snapshot, log, metrics: counted })
    waiting = () => discovery.waiting() + open.waiting()
    proxies = () => [...discovery.proxies(), ...open.proxies()]
    closing.push(
      recordEvents({
        log: events,
        mesh: mesh.snapshot,
        proxies: () => overview.proxies(),
        canaries: () => canaries(),
        ejections: () => sidecars.ejections(systemClock.now()),
        trust: issuer.trust,
        topology,
        clock: systemClock,
      }),
    )

    const certificate = await serverCertificate({
      issuer,
      dnsNames: options.dnsNames,
      log,
      clock,
      waiting: (reason) => (waitsFor = reason),
      ...(options.signal && { signal: options.signal }),
    })
    closing.push(() => certificate.close())

    const serve = async (...args: Parameters<typeof serveGrpc>): Promise<RunningGrpcServer> => {
      const server = await serveGrpc(...args)
      closing.push(() => server.close(options.drainMs))
      return server
    }
    const forwarder = options.collector && createForwarder(options.collector, log)
    if (forwarder) closing.push(() => forwarder.close())
    const { leafLifeMs } = options
    const grpc = await serve('--grpc', options.grpc, {
      credentials: certificate.credentials,
      authenticate: (metadata, from) => authenticate(verifier, metadata, from),
      callerLimits: quotas?.caller,
      log,
      refused: (status) => counted.refused(status),
      services: [
        discovery,
        questions,
        signingService({
          issuer,
          trustDomain,
          log,
          metrics: counted,
          aliases: trustDomainAliases,
          refusal: revocationRefusal(() => mesh.snapshot.value.model),
          ...(leafLifeMs !== undefined && { defaultLifeMs: leafLifeMs }),
        }),
        ...telemetryServices({
          forwarder,
          traces: alsoDecisions(alsoTapped(alsoKept(traces, kept), tap), decisions),
          metrics,
          observed,
          sidecars,
          pods: (key) => mesh.snapshot.value.model.workloads.get(key),
          log,
        }),
      ],
    })
    const plaintext =
      options.grpcPlaintext &&
      (await serve('--grpc-plaintext', options.grpcPlaintext, {
        credentials: ServerCredentials.createInsecure(),
        authenticate: undefined,
        log,
        services: [open],
      }))
    closing.push(platform.publish(mesh, ownCounts(metrics), keys.keys))
    const https = options.https && (await listenHttps(app, options.https, certificate, log, closing))
    waitsFor = undefined
    closing.push(() => (waitsFor = 'it ends'))
    return { grpcPort: grpc.port, httpsPort: https?.port, plaintextPort: plaintext?.port, httpPort, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Pages are served once it is there. */
function servedMesh(brain: MeshBrain | undefined): Mesh {
  if (brain) return brain.snapshot.value.model
  throw new WeftError('explain.not_ready', 'the control plane starts: ask again')
}

async function listenHttps(
  app: FastifyInstance,
  { address, files }: HttpsOptions,
  own: ServerCertificate,
  log: Logger,
  closing: (() => unknown)[],
): Promise<RunningHttpsServer> {
  const given = files && watchFiles([files.certificate, files.key], loadServingCertificate, { logger: log })
  if (given) closing.push(() => given.stop())
  const server = await serveHttps(app, {
    ...{ address, log, connections: HTTP_CONNECTIONS, patienceMs: HTTP_PATIENCE_MS },
    certificate: given?.current ?? own.current,
  })
  closing.push(() => server.close())
  return server
}

/** Of the pods behind a Service, `catalog.shop`, each set once. */
function podLabels(
  brain: MeshBrain | undefined,
  service: string,
): readonly Readonly<Record<string, string>>[] {
  const pods = [...(brain?.snapshot.value.model.workloads.values() ?? [])]
  return pods.filter(({ services }) => services.includes(service)).map(({ labels }) => labels)
}

interface Listening {
  listen(address: GrpcAddress): Promise<string>
  addresses(): readonly (string | { readonly port: number })[]
}

async function listenHttp(app: Listening, address: GrpcAddress): Promise<number> {
  try {
    await app.listen(address)
  } catch (cause) {
    const message = `cannot listen on ${address.host}:${address.port}: ${describeError(cause)}`
    throw new WeftError('serve.listen', message, { field: '--http', cause })
  }
  const [bound] = app.addresses()
  return typeof bound === 'object' ? bound.port : address.port
}
