import type { FastifyInstance } from 'fastify'
import type { TelemetryPagesOptions } from './graph-page.ts'
import { EventStreams, type EventStream } from './event-streams.ts'
import { namespaceParameter, onlyParameters, type Query } from './parameters.ts'

export interface LivePageOptions extends TelemetryPagesOptions {
  /** What /api/mesh says. */
  readonly mesh: () => object
  /** The fields that every answer has. */
  readonly headers: Readonly<Record<string, string>>
}

const EVERY_MS = 2000
/** What a graph is of. */
const SEEN_MS = 30_000

interface Listener {
  readonly stream: EventStream
  readonly namespace: string | undefined
  readonly authorization: string | undefined
  mesh: string
}

/** `/api/live`: the graph of the last 30 s every two seconds, and what /api/mesh says whenever it changed. */
export function livePage(app: FastifyInstance, options: LivePageOptions): void {
  const { answers, clock, mesh, headers } = options
  const streams = new EventStreams(clock)
  const listeners = new Set<Listener>()
  let cancel: (() => void) | undefined
  /** One answer for all who ask the same. */
  const tell = async (all: readonly Listener[]): Promise<void> => {
    const now = clock.now()
    const range = { from: now - SEEN_MS, to: now }
    const meshNow = JSON.stringify(mesh())
    for (const listener of all) {
      if (listener.mesh !== meshNow) listener.stream.sendText('mesh', meshNow)
      listener.mesh = meshNow
    }
    const asked = Map.groupBy(all, ({ namespace }) => namespace)
    await Promise.all(
      [...asked].map(async ([namespace, same]) => {
        const graph = JSON.stringify(await answers(same[0]?.authorization).graph(range, namespace))
        for (const { stream } of same) stream.sendText('graph', graph)
      }),
    )
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
  app.get('/api/live', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['namespace'])
    const namespace = namespaceParameter(query, 'namespace')
    reply.headers(headers)
    streams.open(request, reply, (stream) => {
      const { authorization } = request.headers
      const listener: Listener = { stream, namespace, authorization, mesh: '' }
      listeners.add(listener)
      void quietly([listener])
      if (listeners.size === 1) again()
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        cancel?.()
        cancel = undefined
      }
    })
  })
}
