import type { TappedRequest } from '../../../../core/api/tap.ts'
import type { Mesh } from '../../../model/mesh.ts'
import type { Followed, Follower, QuestionService } from '../../questions/service.ts'
import { Tap } from '../../telemetry/tap.ts'
import type { OwnTapOptions } from '../own-tap.ts'

/** Sidecars in memory, as a control plane asks them. */
export class FakeSidecars implements Pick<QuestionService, 'follow' | 'has' | 'pods' | 'watch'> {
  readonly #pods = new Map<string, string>()
  readonly #watchers = new Set<(pod: string) => void>()
  /** Taps that are open, by pod. */
  readonly open = new Map<string, { readonly asked: Followed; readonly follower: Follower }[]>()

  /** `refuses`: why it can't be tapped, or ''. */
  connect(pod: string, refuses = ''): void {
    this.#pods.set(pod, refuses)
    for (const watcher of this.#watchers) watcher(pod)
  }

  leave(pod: string): void {
    this.#pods.delete(pod)
    for (const { follower } of this.open.get(pod) ?? []) follower.over('has gone')
    this.open.delete(pod)
    for (const watcher of this.#watchers) watcher(pod)
  }

  tell(pod: string, requests: readonly unknown[], skipped = 0): void {
    for (const { follower } of this.open.get(pod) ?? []) follower.told({ requests, skipped })
  }

  has(pod: string): boolean {
    return this.#pods.has(pod)
  }

  pods(): Iterable<string> {
    return this.#pods.keys()
  }

  watch(watcher: (pod: string) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  follow(pod: string, asked: Followed, follower: Follower): () => void {
    const refuses = this.#pods.get(pod) ?? 'is not connected'
    if (refuses !== '') {
      follower.over(refuses)
      return () => undefined
    }
    const one = { asked, follower }
    this.open.set(pod, [...(this.open.get(pod) ?? []), one])
    follower.told({ requests: [], skipped: 0 })
    return () => {
      const others = (this.open.get(pod) ?? []).filter((other) => other !== one)
      if (others.length > 0) this.open.set(pod, others)
      else this.open.delete(pod)
    }
  }
}

/** Of a control plane that nobody is connected to. */
export function noTaps(over: Partial<Omit<OwnTapOptions, 'clock'>> = {}): Omit<OwnTapOptions, 'clock'> {
  return {
    questions: new FakeSidecars(),
    traces: new Tap(),
    mesh: () => undefined,
    setting: () => undefined,
    ...over,
  }
}

/** A mesh that has these pods, `namespace/pod`, each of the workload of that name without its number. */
export function meshOf(...pods: readonly string[]): Mesh {
  const workloads = pods.map((key) => {
    const [namespace = '', name = ''] = key.split('/')
    const workload = name.replace(/-\d+$/, '')
    return [
      key,
      {
        ...{ key, namespace, name, service: workload, owner: `${workload},1` },
        identity: `spiffe://cluster.local/ns/${namespace}/sa/${workload}`,
      },
    ] as const
  })
  return { workloads: new Map(workloads) } as unknown as Mesh
}

export function toldRequest(over: Partial<TappedRequest> = {}): TappedRequest {
  return {
    at: 1,
    direction: 'outbound',
    namespace: 'shop',
    pod: 'web-1',
    service: 'web',
    source: 'spiffe://cluster.local/ns/shop/sa/web',
    destination: 'spiffe://cluster.local/ns/shop/sa/catalog',
    asked: 'catalog.shop',
    method: 'GET',
    authority: 'catalog',
    path: '/items',
    status: 200,
    grpcStatus: null,
    flags: '',
    durationMs: 2,
    traceId: '',
    traced: false,
    route: 'HTTPRoute/shop/catalog/0',
    upstream: '10.0.0.1:80',
    ...over,
  }
}
