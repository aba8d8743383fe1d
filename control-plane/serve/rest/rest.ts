import type { FastifyInstance, FastifyReply } from 'fastify'
import { formatSpiffeBundle } from '../../../certs/spiffe-bundle.ts'
import type { TrustBundle } from '../../../certs/trust-bundle.ts'
import type { Injections } from '../../../core/api/injections.ts'
import { API_CLIENT_HEADER, READY_PATH } from '../../../core/contract.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { exposition, expositionRequest } from '../../../core/metrics/exposition.ts'
import type { MetricFamily } from '../../../core/metrics/family.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Problem } from '../../../core/problem.ts'
import { namedHosts } from '../../../core/named-hosts.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import type { Access } from '../access/access.ts'
import { openAccess } from '../access/open-access.ts'
import { gathered } from '../answers/gathered.ts'
import { MeshAnswers } from '../answers/mesh-answers.ts'
import { MeshFacts } from '../answers/mesh-facts.ts'
import { ownTelemetry } from '../answers/own-telemetry.ts'
import { ownFacts } from '../answers/replica-facts.ts'
import type { TelemetrySource } from '../answers/telemetry-source.ts'
import { EventLog } from '../events/event-log.ts'
import { boundedQuestions } from '../outside/bounded-questions.ts'
import { outsideTraces } from '../outside/outside-traces.ts'
import type { TracingAddress } from '../outside/tracing-address.ts'
import { NO_TOPOLOGY, type Topology } from '../graph/topology.ts'
import { canaryFamilies } from '../../canary/metrics.ts'
import { ownCounts } from '../../canary/evidence/counts.ts'
import type { DecisionStore } from '../telemetry/decision-store.ts'
import type { MetricStore } from '../telemetry/metric-store.ts'
import type { ObservedQuery, ObservedView } from '../telemetry/observed-view.ts'
import type { TraceStore } from '../telemetry/trace-store.ts'
import type { DashboardFile } from './dashboard-files.ts'
import { guardAccess } from './access-guard.ts'
import { authorizationPages } from './authorization-pages.ts'
import { canaryActions, type AskCanary } from './canary-actions.ts'
import { eventsPage } from './events-page.ts'
import { explainPages, type ExplainPagesOptions } from './explain-pages.ts'
import { checksPage } from './checks.ts'
import { failure } from './failure.ts'
import { graphPage } from './graph-page.ts'
import { isOwnHost } from './host-names.ts'
import { livePage } from './live-page.ts'
import { meshFacts, meshPages } from './mesh-pages.ts'
import type { MeshOverview } from './overview.ts'
import { listParameter, namespaceParameter, onlyParameters, type Query } from './parameters.ts'
import { replicaPage } from './replica-page.ts'
import { seriesPage } from './series-page.ts'
import { servicePages, type ServiceObjects } from './service-page.ts'
import { sidecarsPage } from './sidecars-page.ts'
import { meshTaps } from '../tap/mesh-tap.ts'
import { ownTaps, type OwnTapOptions } from '../tap/own-tap.ts'
import { tapPages } from './tap-page.ts'
import { trafficPages } from './traffic-pages.ts'
import { tracesPage } from './traces-page.ts'

export interface RestOptions {
  readonly mesh: MeshOverview
  readonly traces: TraceStore
  readonly decisions: DecisionStore
  readonly metrics: MetricStore
  /** What this replica was told; left out: what these stores hold. */
  readonly own?: TelemetrySource
  /** The others; left out: there are none. */
  readonly replicas?: () => readonly Replica[]
  /** Where traces are read in place of the stores; left out: nowhere. */
  readonly tracing?: TracingAddress | undefined
  /** Whose requests are heard as they end; left out: there is no such page. */
  readonly tap?: Omit<OwnTapOptions, 'clock'>
  /** What the mesh is configured to do, as the map needs it; left out: nothing. */
  readonly topology?: () => Topology
  /** What was seen of those who call pods; left out: there is no such page. */
  readonly observed?: (query: ObservedQuery) => Promise<ObservedView>
  /** By which it is decided who may; left out: there is no such page. */
  readonly policyObjects?: () => readonly object[]
  /** Who is asked what would become of a request; left out: there are no such pages. */
  readonly explain?: ExplainPagesOptions
  /** By which Services are configured; left out: none is shown. */
  readonly objects?: ServiceObjects
  /** Which pods have a sidecar, and why not; left out: there is no such page. */
  readonly injections?: (namespace: string | undefined) => Injections
  /** What the checker finds, see meshChecks; left out: there is no such page. */
  readonly checks?: () => Promise<readonly Problem[]>
  /** Who may; left out: whoever asks reads, and nobody acts. */
  readonly access?: () => Access
  /** Hands on what is asked of Canaries; left out: nothing can be asked. */
  readonly askCanary?: AskCanary
  /** From `readDashboard`; none: only the API. */
  readonly dashboard?: ReadonlyMap<string, DashboardFile>
  /** Of this build, e.g. `0.1.0`. */
  readonly release: string
  /** Names by which it is asked, beside addresses and localhost. Others are refused: a web page could read it by them. */
  readonly names?: readonly string[]
  /** What it still waits for, or undefined once it serves. */
  readonly notReady?: () => string | undefined
  /** What the mesh's workloads trust. */
  readonly bundle?: () => TrustBundle | undefined
  readonly clock?: Clock
  /** What /metrics tells; left out: nothing but where Canaries are. */
  readonly families?: (mesh: MeshOverview) => readonly MetricFamily[]
}

/** A new root waits for its promotion longer than that. */
const BUNDLE_REFRESH_MS = 300_000
const MAX_SERIES = 128

/** No script or style but the page's own files; nobody frames it; it calls only where it came from. */
export const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

/**
 * A fastify plugin: the API under /api, the dashboard, /metrics, and for probes /live and /ready. All of it reads, but for what is
 * asked of Canaries. Before it is ready only the probes get an answer other than 503, so that nobody takes an empty mesh for the real one.
 */
export async function rest(app: FastifyInstance, options: RestOptions): Promise<void> {
  const {
    mesh,
    traces,
    decisions,
    metrics,
    release,
    notReady = () => undefined,
    clock = systemClock,
    families = (overview) => canaryFamilies(overview.canaries(), startedAt),
  } = options
  const startedAt = clock.now()

  app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS))
  const names = (options.names ?? []).map((name) => name.toLowerCase())
  app.addHook('onRequest', async (request, reply) => {
    const hosts = namedHosts(request.raw)
    const own =
      (hosts.length > 0 && hosts.every((host) => isOwnHost(host, names))) ||
      request.headers[API_CLIENT_HEADER] !== undefined
    // Probes may name what they like; these two say nothing that a page could want.
    if (own || request.url === '/live' || request.url === READY_PATH) return
    const message = 'the Host header names another server: ask by address, or say the name with --http-host'
    return reply.code(403).send(failure('api.host', message, undefined))
  })
  app.addHook('onRequest', async (request, reply) => {
    const reason = notReady()
    if (reason === undefined || request.url === '/live') return
    return reply.code(503).send(failure('api.not_ready', `not ready: ${reason}`, undefined))
  })
  const { access = () => openAccess({ acts: false }), dashboard = new Map<string, DashboardFile>() } = options
  const guard = guardAccess(app, { access, page: dashboard.keys() })
  app.setErrorHandler((error, _request, reply) => void answerError(reply, error))
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(failure('api.not_found', 'there is no such page', undefined)),
  )

  const page = (path: string, known: readonly string[], answer: (query: Query) => unknown): void => {
    app.get(path, (request, reply) => {
      const query = request.query as Query
      onlyParameters(query, known)
      void reply.send(answer(query))
    })
  }

  page('/live', [], () => ({ status: 'live' }))
  page(READY_PATH, [], () => ({ status: 'ready' }))
  page('/api/policies', [], () => mesh.policies())
  const own = options.own ?? ownTelemetry({ metrics, traces, events: new EventLog(), clock })
  const { replicas = () => [], topology = () => NO_TOPOLOGY } = options
  const replicaFacts = ownFacts({
    ...{ mesh, metrics, traces, decisions, release, startedAt },
    checks: options.checks,
    observed: options.observed,
    now: () => clock.now(),
  })
  const held = gathered({ own, replicas })
  const tracing = options.tracing && boundedQuestions(options.tracing)
  if (tracing) app.addHook('onClose', () => tracing.close())
  const source =
    options.tracing && tracing
      ? outsideTraces({ address: options.tracing, own: held, questions: tracing, clock })
      : held
  const facts = new MeshFacts({ own: replicaFacts, replicas })
  const answers = new MeshAnswers({ source, topology, clock })
  trafficPages(app, { mesh, source, facts, clock })
  authorizationPages(app, { mesh, facts, clock })
  meshPages(app, { mesh, facts, guard })
  for (const telemetryPage of [graphPage, seriesPage, tracesPage, eventsPage])
    telemetryPage(app, { answers, clock })
  sidecarsPage(app, { answers, mesh })
  replicaPage(app, { telemetry: own, facts: replicaFacts })
  livePage(app, { answers, clock, guard, mesh: () => meshFacts(mesh, facts), headers: HEADERS })
  const { tap } = options
  if (tap) {
    const ownTap = ownTaps({ ...tap, clock })
    tapPages(app, {
      taps: meshTaps({ own: ownTap, mesh: tap.mesh, replicas, clock }),
      own: ownTap,
      clock,
      guard,
      replicasAreKnown: () => access().replicaAuthorization() !== undefined,
      setting: tap.setting,
      headers: HEADERS,
    })
  }
  if (options.askCanary) canaryActions(app, { guard, clock, ask: options.askCanary })
  servicePages(app, {
    mesh,
    answers,
    topology,
    clock,
    asking: options.explain?.explaining,
    objects: options.objects,
  })
  if (options.explain) explainPages(app, options.explain, (id) => answers.trace(id))
  checksPage(app, facts)
  const { injections } = options
  if (injections)
    page('/api/injections', ['namespace'], (query) => injections(namespaceParameter(query, 'namespace')))
  const { policyObjects } = options
  if (policyObjects) page('/api/authorization/objects', [], () => ({ objects: policyObjects() }))
  page('/api/canaries', [], () => ({ canaries: mesh.canaries() }))
  // What the replica that leads asks the others for.
  page('/api/canary-counts', ['series'], (query) => ({
    totals: ownCounts(metrics).now(listParameter(query, 'series', MAX_SERIES)),
  }))
  app.get('/metrics', (request, reply) => {
    onlyParameters(request.query as Query, ['created'])
    const { searchParams } = new URL(request.url, 'http://localhost')
    const { type, body } = exposition(families(mesh), expositionRequest(request.headers.accept, searchParams))
    void reply.type(type).send(body)
  })
  page('/api/trust-bundle', [], () => {
    const bundle = options.bundle?.()
    if (!bundle) throw new WeftError('api.not_found', 'there is no trust bundle')
    return formatSpiffeBundle(bundle, BUNDLE_REFRESH_MS)
  })
  for (const [path, { type, body }] of dashboard)
    app.get(path, (_request, reply) => void reply.type(type).send(body))
}

function answerError(reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof WeftError && error.code === 'api.bad_parameter')
    return reply.code(400).send(failure(error.code, error.message, error.field))
  const status = (error as { statusCode?: unknown }).statusCode
  if (typeof status === 'number' && status >= 400 && status < 500)
    return reply.code(status).send(failure('api.bad_request', 'the request could not be read', undefined))
  return reply.code(500).send(failure('api.internal', 'this could not be answered', undefined))
}
