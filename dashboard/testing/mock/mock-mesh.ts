import fastify, { type FastifyReply } from 'fastify'
import type { TraceExplanation } from '../../../core/api/explanation.ts'
import type { TappedRequest, TapSource } from '../../../core/api/tap.ts'
import type { Graph, SeriesSubject } from '../../../core/api/traffic.ts'
import { readDashboard } from '../../../control-plane/serve/rest/dashboard-files.ts'
import { failure } from '../../../control-plane/serve/rest/failure.ts'
import { HEADERS } from '../../../control-plane/serve/rest/rest.ts'
import { buildPage, PAGE } from '../../build.ts'
import { largeGraph, shopGraph, WHOLE, type MockGraphOptions } from './graph.ts'
import { canary, CHECKS, denials, meshFacts, POLICIES, ROUTES } from './older-pages.ts'
import { configuration, endpoints, injections, sidecars } from './service-pages.ts'
import { events, series } from './series.ts'
import { trace, type TraceChange } from './traces.ts'

/** What the mesh is like; may be changed while it serves. */
export interface MockState extends MockGraphOptions {
  outage?: boolean
  missing?: boolean
  hostile?: readonly string[]
  /** A mesh of so many services instead of the shop. */
  services?: number
  empty?: boolean
  proxies?: number
  /** Nobody is to be reached. */
  away?: boolean
  /** No /api/live: an older control plane, or a proxy that lets no stream through. */
  withoutEvents?: boolean
  /** No /api/checks. */
  withoutChecks?: boolean
  act?: boolean
  /** Who tells of a tap; left out: as a control plane of a release before. */
  tapSource?: TapSource
  traces?: number
  /** Of the newest trace. */
  newest?: TraceChange
  canary?: Readonly<Record<string, unknown>>
  /** A bearer token that is asked for. */
  token?: string
}

type Query = Readonly<Record<string, string | undefined>>
const START_TRACES = 60

/** Pages as core/api describes them over made-up data, with the headers of the real ones; on a free port. */
export async function serveMockMesh(state: MockState = {}, clock: () => number = Date.now) {
  await buildPage()
  const app = fastify({ forceCloseConnections: true })
  const asked: string[] = []
  const acted: string[] = []
  const streams = new Set<FastifyReply>()
  const taps = new Set<FastifyReply>()
  const range = (query: Query): [number, number] => {
    if (query['from'] !== undefined && query['to'] !== undefined)
      return [Number(query['from']), Number(query['to'])]
    return [clock() - Number(query['last'] ?? 300) * 1000, clock()]
  }
  const begun = clock()
  const graph = (from: number, to: number): Graph => {
    if (state.empty) return { from, to, coverage: WHOLE, nodes: [], edges: [] }
    return state.services === undefined
      ? shopGraph(from, to, { ...state, before: to < begun - 200_000 })
      : largeGraph(state.services, from, to)
  }
  const all = () =>
    Array.from({ length: state.traces ?? START_TRACES }, (_, i) =>
      trace(
        i,
        begun - (START_TRACES - i) * 1900,
        i === (state.traces ?? START_TRACES) - 1 ? state.newest : undefined,
      ),
    )

  app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS))
  app.addHook('onRequest', async (request, reply) => {
    asked.push(request.url)
    if (state.away && request.url.startsWith('/api/'))
      return reply.code(503).send(failure('api.not_ready', 'not ready: away', undefined))
    if (
      state.token !== undefined &&
      request.url.startsWith('/api/') &&
      request.headers.authorization !== `Bearer ${state.token}`
    )
      return reply.code(401).send(failure('api.token', 'a token is needed', undefined))
    return undefined
  })
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(failure('api.not_found', 'there is no such page', undefined)),
  )
  for (const [path, { type, body }] of readDashboard(PAGE))
    app.get(path, (_request, reply) => void reply.type(type).send(body))
  const page = (path: string, answer: (query: Query, params: Query) => unknown): void => {
    app.get(
      path,
      (request, reply) => void reply.send(answer(request.query as Query, request.params as Query)),
    )
  }
  page('/api/mesh', () =>
    meshFacts(clock(), state.proxies ?? 8, {
      act: state.act === true,
      tap: true,
      headers: state.act === true,
    }),
  )
  page('/api/graph', (query) => graph(...range(query)))
  page(
    '/api/series',
    ({ of, name = '', source = '', target = '', route = '', cluster = '', points, ...query }) => {
      const subject: SeriesSubject =
        of === 'edge'
          ? { of, source, target }
          : of === 'backend'
            ? { of, route, cluster }
            : { of: 'service', name }
      return series(subject, ...range(query), Number(points ?? 120))
    },
  )
  page('/api/events', (query) => {
    const found = events(...range(query))
    const { service } = query
    return {
      ...found,
      events: found.events.filter(
        (one) =>
          service === undefined ||
          one.service === service ||
          one.service.startsWith(`${service.split('.')[0]}-`),
      ),
    }
  })
  page('/api/traces', (query) => {
    const [from, to] = range(query)
    const limit = Number(query['limit'] ?? 50)
    const fits = all()
      .toReversed()
      .filter(
        (one) =>
          query['service'] === undefined ||
          one.spans.some(({ service }) => `${service}.shop`.startsWith(query['service'] ?? '')),
      )
      .filter((one) => query['failed'] === undefined || one.failed)
    return {
      from,
      to,
      coverage: WHOLE,
      traces: fits.slice(0, limit).map(({ spans, ...row }) => ({ ...row, spanCount: spans.length })),
      more: fits.length > limit,
    }
  })
  app.get('/api/traces/:id', (request, reply) => {
    const { id } = request.params as { id: string }
    const found = all().find((one) => one.traceId === id)
    void (found
      ? reply.send(found)
      : reply.code(404).send(failure('api.no_trace', 'no such trace is kept', 'id')))
  })
  app.get('/api/explain/:id', (request, reply) => {
    const { id } = request.params as { id: string }
    const hop = {
      spanId: 'a',
      pod: 'web-6f9c4d-x2b1q',
      namespace: 'shop',
      direction: 'outbound' as const,
      decided: [`Rule HTTPRoute/shop/catalog/1 matches GET ${state.newest?.path ?? '/items'}.`],
      now: null,
      reason: 'the pod is gone',
      differs: ['Its route splits 80 to 20 now.'],
    }
    const answer: TraceExplanation = { traceId: id, whole: true, hops: [hop] }
    void reply.send(answer)
  })
  page('/api/routes', () => ROUTES)
  page('/api/services/:namespace/:name/endpoints', () => endpoints(clock(), state.newest?.path))
  page('/api/services/:namespace/:name/configuration', () => configuration(state.newest?.path))
  page('/api/policies', () => POLICIES)
  page('/api/canaries', () => ({ canaries: state.empty ? [] : [canary(state.canary)] }))
  app.post('/api/canaries/:namespace/:name/:action', (request, reply) => {
    acted.push(`${request.url} ${String(request.headers['x-weft-client'])}`)
    void reply.send({})
  })
  page('/api/sidecars', () => sidecars(clock(), state.empty ? 0 : (state.proxies ?? 8)))
  page('/api/injections', () =>
    state.empty ? { counts: [], without: [], more: 0 } : injections(state.newest?.path),
  )
  page('/api/authorization/denials', () => denials(clock(), state.newest?.path))
  page('/api/problems', () => ({ problems: CHECKS.checks }))
  app.get('/api/checks', (_request, reply) => {
    void (state.withoutChecks ? reply.callNotFound() : reply.send(CHECKS))
  })
  const stream = (reply: FastifyReply, into: Set<FastifyReply>): void => {
    reply.hijack()
    reply.raw.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
    into.add(reply)
    reply.raw.on('close', () => into.delete(reply))
  }
  const event = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
  const liveGraph = (): string => event('graph', graph(clock() - 30_000, clock()))
  app.get('/api/live', (_request, reply) => {
    if (state.withoutEvents) {
      reply.callNotFound()
      return
    }
    stream(reply, streams)
    reply.raw.write(
      event(
        'mesh',
        meshFacts(clock(), state.proxies ?? 8, {
          act: state.act === true,
          tap: true,
          headers: state.act === true,
        }),
      ) + liveGraph(),
    )
  })
  app.get('/api/tap', (_request, reply) => {
    stream(reply, taps)
    reply.raw.write(event('source', state.tapSource ?? { sampled: true }))
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    state,
    /** Paths that were asked for, in order. */
    asked,
    /** Actions on canaries with who said that they asked. */
    acted,
    /** Sends the next picture to whoever listens. */
    push: () => {
      for (const reply of streams) reply.raw.write(liveGraph())
    },
    get listeners(): number {
      return streams.size
    },
    get tapped(): number {
      return taps.size
    },
    tap: (...requests: readonly TappedRequest[]) => {
      for (const reply of taps) for (const one of requests) reply.raw.write(event('request', one))
    },
    skip: (requests: number) => {
      for (const reply of taps) reply.raw.write(event('skipped', { requests }))
    },
    /** Ends the streams, as a control plane does that goes away. */
    drop: () => {
      for (const reply of [...streams, ...taps]) reply.raw.destroy()
    },
    close: () => app.close(),
  }
}

export type MockMesh = Awaited<ReturnType<typeof serveMockMesh>>
