import type { FastifyInstance } from 'fastify'
import type { TelemetryPagesOptions } from './graph-page.ts'
import type { May } from '../access/access.ts'
import type { AccessGuard } from './access-guard.ts'
import { EventStreams, type EventStream } from './event-streams.ts'
import { namespaceParameter, onlyParameters, type Query } from './parameters.ts'

export interface LivePageOptions extends TelemetryPagesOptions {
  /** What /api/mesh says, but for what whoever asks may do. */
  readonly mesh: () => Promise<object>
  readonly guard: AccessGuard
  /** The fields that every answer has. */
  readonly headers: Readonly<Record<string, string>>
}

const EVERY_MS = 2000
/** What a graph is of. */
const SEEN_MS = 30_000

interface Listener {
  readonly stream: EventStream
  readonly namespace: string | undefined
  may: May
  mesh: string
}

/** `/api/live`: the graph of the last 30 s every two seconds, and what /api/mesh says whenever it changed. */
export function livePage(app: FastifyInstance, options: LivePageOptions): void {
  const { answers, clock, mesh, guard, headers } = options
  const streams = new EventStreams(clock)
  const listeners = new Set<Listener>()
  let cancel: (() => void) | undefined
  /** One answer for all who ask the same. */
  const tell = async (all: readonly Listener[]): Promise<void> => {
    const now = clock.now()
    const range = { from: now - SEEN_MS, to: now }
    const asked = Map.groupBy(all, ({ namespace }) => namespace)
    const graphs = [...asked].map(async ([namespace, same]) => ({
      same,
      graph: JSON.stringify(await answers.graph(range, namespace)),
    }))
    const [facts, ...known] = await Promise.all([mesh(), ...graphs])
    for (const listener of all) {
      const meshNow = JSON.stringify({ ...facts, may: listener.may })
      if (listener.mesh !== meshNow) listener.stream.sendText('mesh', meshNow)
      listener.mesh = meshNow
    }
    for (const { same, graph } of known) for (const { stream } of same) stream.sendText('graph', graph)
  }
  const quietly = (all: readonly Listener[]): Promise<void> => tell(all).catch(() => {})
  /** One round at a time: who comes while one is told may be the first again. */
  let telling = false
  const again = (): void => {
    if (telling) return
    cancel = clock.after(EVERY_MS, () => {
      telling = true
      void quietly([...listeners]).then(() => {
        telling = false
        if (listeners.size > 0) again()
      })
    })
  }
  app.addHook('onClose', (_app, done) => {
    cancel?.()
    done()
  })
  app.get('/api/live', async (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace'])
    const namespace = namespaceParameter(query, 'namespace')
    const may = await guard.may(request)
    reply.headers(headers)
    let listener: Listener | undefined
    const begin = (stream: EventStream): (() => void) => {
      const own: Listener = { stream, namespace, may, mesh: '' }
      listener = own
      listeners.add(own)
      void quietly([own])
      if (listeners.size === 1) again()
      return () => {
        listeners.delete(own)
        if (listeners.size > 0) return
        cancel?.()
        cancel = undefined
      }
    }
    const stillMay = async (): Promise<boolean> => {
      if (!(await guard.stillMay(request))) return false
      if (listener) listener.may = await guard.may(request)
      return true
    }
    streams.open(request, reply, begin, stillMay)
    return reply
  })
}
