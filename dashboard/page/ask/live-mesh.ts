import { computed, signal } from '@preact/signals'
import type { Graph } from '../../../core/api/traffic.ts'
import { ask, token } from './ask.ts'
import { readEvents } from './event-stream.ts'
import type { MeshFacts } from './pages.ts'

/** Seconds that a graph that comes by itself is about. */
export const LIVE_SECONDS = 30
const POLL_MS = 2000
/** Without events, they are tried again so often. */
const RETRY_EVENTS_MS = 30_000

export type Connection =
  | { readonly state: 'connecting' | 'live' | 'polling' }
  /** `since`: when it answered last, milliseconds since the epoch; null: never. */
  | { readonly state: 'away'; readonly since: number | null; readonly message: string }

/** What the mesh does now, whatever view is shown: an outage is told on every page. */
export const liveGraph = signal<Graph | undefined>(undefined)
export const meshFacts = signal<MeshFacts | undefined>(undefined)
export const connection = signal<Connection>({ state: 'connecting' })
/** The control plane has no map: it is of an older version. */
export const withoutGraph = signal(false)
/** What whoever looks may do. */
export const may = computed(() => meshFacts.value?.may ?? { act: false, tap: false, headers: false })

let answeredAt: number | null = null
let running: AbortController | undefined

/** Follows the mesh while the page can be seen; again with a token that has changed. */
export function followMesh(): void {
  const follow = (): void => {
    running?.abort()
    running = undefined
    if (document.hidden) return
    running = new AbortController()
    void events(running.signal)
    void poll(running.signal)
  }
  document.addEventListener('visibilitychange', follow)
  token.subscribe(follow)
}

/** By events, as long as they come. */
async function events(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const end = await readEvents(
      '/api/live',
      (name, data) => {
        if (signal.aborted) return
        if (name === 'graph') liveGraph.value = JSON.parse(data) as Graph
        else if (name === 'mesh') meshFacts.value = JSON.parse(data) as MeshFacts
        else return
        answered('live')
      },
      signal,
    )
    if (signal.aborted) return
    if (connection.value.state === 'live') connection.value = { state: 'polling' }
    await pause(end.kind === 'away' ? POLL_MS : RETRY_EVENTS_MS, signal)
  }
}

/** By questions, while no events come. */
async function poll(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (connection.value.state !== 'live') await askOnce(signal)
    await pause(POLL_MS, signal)
  }
}

async function askOnce(signal: AbortSignal): Promise<void> {
  const [facts, graph] = await Promise.all([
    ask<MeshFacts>('/api/mesh', {}, signal),
    ask<Graph>(`/api/graph?last=${LIVE_SECONDS}`, {}, signal),
  ])
  // Events may have come meanwhile; they are newer.
  if (signal.aborted || (connection.value as Connection).state === 'live') return
  if (facts.kind === 'here') meshFacts.value = facts.value
  if (graph.kind === 'here') liveGraph.value = graph.value
  withoutGraph.value = graph.kind === 'missing'
  if (facts.kind !== 'away') answered('polling')
  else connection.value = { state: 'away', since: answeredAt, message: facts.message }
}

function answered(state: 'live' | 'polling'): void {
  answeredAt = Date.now()
  if (state === 'live') withoutGraph.value = false
  if (connection.value.state !== state) connection.value = { state }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
