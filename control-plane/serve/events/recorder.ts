import type { TrustBundle } from '../../../certs/trust-bundle.ts'
import type { Ejection } from '../../../core/api/sidecars.ts'
import type { MeshEvent } from '../../../core/api/traffic.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Watchable } from '../../../core/watched.ts'
import type { CanaryView } from '../../canary/view.ts'
import type { MeshView } from '../../mesh.ts'
import type { NamedProxy } from '../rest/overview.ts'
import type { Topology } from '../graph/topology.ts'
import type { EventLog } from './event-log.ts'
import { byEndpoint, ejectionEvents } from './ejection-events.ts'
import { meshEvents, type Told } from './mesh-events.ts'

export interface RecorderOptions {
  readonly log: EventLog
  readonly mesh: Watchable<MeshView>
  readonly proxies: () => readonly NamedProxy[]
  readonly canaries: () => readonly CanaryView[]
  /** That are in force. */
  readonly ejections: () => readonly Ejection[]
  readonly trust: Watchable<{ readonly bundle: TrustBundle }>
  readonly topology: () => Topology
  readonly clock: Clock
}

/** Streams of proxies and Canaries are looked at so often. Milliseconds. */
const LOOK_MS = 2000
/** Told one by one of each kind and look: a control plane whose replica ended gets all of its proxies at once. */
const MOST_AT_ONCE = 50

/** Writes down what happens to the mesh from now on; returns what ends that. */
export function recordEvents(options: RecorderOptions): () => void {
  const { log, mesh, proxies, canaries, ejections, trust, topology, clock } = options
  const tell = (events: readonly (Told & { readonly at?: number })[]): void => {
    for (const [kind, all] of Map.groupBy(events, (one) => one.kind)) {
      for (const event of all.slice(0, MOST_AT_ONCE)) log.add({ ...event, at: event.at ?? clock.now() })
      const more = all.length - MOST_AT_ONCE
      if (more > 0) log.add(summary(kind, more, clock.now()))
    }
  }
  let model = mesh.value.model
  const unwatchMesh = mesh.watch((view) => {
    const before = model
    model = view.model
    tell(meshEvents(before, model))
  })
  let bundle = trust.value.bundle
  const unwatchTrust = trust.watch((now) => {
    if (now.bundle.pem === bundle.pem) return
    bundle = now.bundle
    const text = 'The roots that the mesh trusts changed.'
    tell([{ kind: 'certificate', namespace: '', object: 'trust bundle', service: '', text }])
  })
  let known = byNode(proxies())
  let steps = historyOf(canaries())
  let ejected = byEndpoint(ejections())
  let cancel = (): void => {}
  const look = (): void => {
    const now = byNode(proxies())
    tell([...proxyEvents(known, now)])
    known = now
    const next = canaries()
    tell(canaryEvents(steps, next, topology()))
    steps = historyOf(next)
    const out = byEndpoint(ejections())
    tell(ejectionEvents(ejected, out))
    ejected = out
    cancel = clock.after(LOOK_MS, look)
  }
  cancel = clock.after(LOOK_MS, look)
  return () => {
    unwatchMesh()
    unwatchTrust()
    cancel()
  }
}

function summary(kind: MeshEvent['kind'], more: number, at: number): MeshEvent {
  return { at, kind, namespace: '', object: '', service: '', text: `${more} more like it at the same time.` }
}

function byNode(proxies: readonly NamedProxy[]): ReadonlyMap<string, NamedProxy> {
  return new Map(proxies.map((one) => [one.node, one]))
}

function* proxyEvents(
  before: ReadonlyMap<string, NamedProxy>,
  now: ReadonlyMap<string, NamedProxy>,
): Generator<Told> {
  const event = ({ namespace, pod, service }: NamedProxy, text: string): Told => ({
    kind: 'proxy',
    namespace,
    object: pod,
    service: service === '' ? '' : `${service}.${namespace}`,
    text,
  })
  for (const [node, one] of now) {
    const was = before.get(node)
    if (!was) yield event(one, 'It asks for its configuration here.')
    if (one.rejected !== '' && one.rejected !== was?.rejected)
      yield event(one, `It refuses its configuration: ${one.rejected}`)
    if (one.rejected === '' && was && was.rejected !== '')
      yield event(one, 'It takes its configuration again.')
  }
  for (const [node, one] of before) if (!now.has(node)) yield event(one, 'Its stream has ended.')
}

/** By `namespace/name`, when the newest entry of its history was made. */
function historyOf(canaries: readonly CanaryView[]): ReadonlyMap<string, number> {
  return new Map(
    canaries.map(({ namespace, name, history }) => [
      `${namespace}/${name}`,
      Math.max(0, ...history.map(({ at }) => Date.parse(at) || 0)),
    ]),
  )
}

function canaryEvents(
  before: ReadonlyMap<string, number>,
  now: readonly CanaryView[],
  topology: Topology,
): (Told & { readonly at: number })[] {
  return now.flatMap(({ namespace, name, route, history }) => {
    const since = before.get(`${namespace}/${name}`)
    const [kind = '', routeName = ''] = route.split('/')
    const [service = ''] = topology.rules.get(`${kind}/${namespace}/${routeName}/0`) ?? []
    return history
      .map(({ at, message }) => ({ at: Date.parse(at) || 0, message }))
      .filter(({ at }) => since !== undefined && at > since)
      .map(({ at, message }) => ({
        at,
        kind: 'canary' as const,
        namespace,
        object: `Canary/${name}`,
        service,
        text: message,
      }))
  })
}
