import { KubernetesError } from '../../../control-plane/kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../../control-plane/kubernetes/connection.ts'
import { WATCHED_KINDS } from '../../../control-plane/registry/kubernetes/resources.ts'

const NAMESPACE = 'shop'
const NAMES = ['a', 'b', 'c', 'd', 'e']
const KINDS = ['Service', 'EndpointSlice', 'Pod', 'HTTPRoute', 'PeerAuthentication'] as const
type ChurnedKind = (typeof KINDS)[number]

/** 0 to 1 from a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Changes objects of namespace `shop` at random; `anchor` is never touched. */
export class Churn {
  readonly #connection: KubernetesConnection
  readonly #random: () => number

  constructor(connection: KubernetesConnection, random: () => number) {
    this.#connection = connection
    this.#random = random
  }

  /** The namespace, and in it one object of each kind that has to be there at every moment. */
  async anchor(): Promise<void> {
    const labels = { 'weft.dev/inject': 'enabled' }
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } }
    await this.#apply(`/api/v1/namespaces/${NAMESPACE}`, namespace)
    await this.#untilServiceAccount()
    for (const kind of KINDS) await this.put(kind, 'anchor', 2)
  }

  async steps(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const kind = this.#pick(KINDS)
      const name = this.#pick(NAMES)
      if (this.#random() < 0.3) await this.#delete(kind, name)
      else await this.put(kind, name, 1 + Math.floor(this.#random() * 200))
    }
  }

  async put(kind: ChurnedKind, name: string, value: number): Promise<void> {
    const object = objectOf(kind, name, value)
    const path = pathOf(kind, name)
    await this.#apply(path, object)
    if (kind !== 'Pod') return
    const { apiVersion, metadata } = object
    const status = { phase: 'Running', podIP: `10.9.0.${value}`, podIPs: [{ ip: `10.9.0.${value}` }] }
    await this.#apply(`${path}/status`, { apiVersion, kind, metadata, status })
  }

  async #delete(kind: ChurnedKind, name: string): Promise<void> {
    const query = { gracePeriodSeconds: 0 }
    await this.#again(() =>
      this.#connection.request({ method: 'DELETE', path: pathOf(kind, name), query }),
    ).catch((error: unknown) => {
      if (!(error instanceof KubernetesError) || error.status !== 404) throw error
    })
  }

  async #apply(path: string, body: unknown): Promise<void> {
    const query = { fieldManager: 'churn', force: true }
    const contentType = 'application/apply-patch+yaml'
    await this.#again(() => this.#connection.request({ method: 'PATCH', path, query, body, contentType }))
  }

  /** A connection that an API server left behind breaks at its next use; and one that starts refuses. */
  async #again(ask: () => Promise<unknown>): Promise<void> {
    for (let left = 20; ; left--) {
      try {
        await ask()
        return
      } catch (error) {
        const passes = error instanceof KubernetesError && (error.status === 0 || error.status >= 500)
        if (!passes || left === 0) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async #untilServiceAccount(): Promise<void> {
    const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`
    for (;;) {
      const found = await this.#connection.request({ method: 'GET', path }).then(
        () => true,
        () => false,
      )
      if (found) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T
  }
}

function pathOf(kind: ChurnedKind, name: string): string {
  const path = WATCHED_KINDS.find((one) => one.kind === kind)?.path ?? ''
  const cut = path.lastIndexOf('/')
  return `${path.slice(0, cut)}/namespaces/${NAMESPACE}${path.slice(cut)}/${name}`
}

function objectOf(kind: ChurnedKind, name: string, value: number) {
  const metadata = { namespace: NAMESPACE, name }
  switch (kind) {
    case 'Service':
      return {
        apiVersion: 'v1',
        kind,
        metadata,
        spec: { clusterIP: 'None', ports: [{ name: 'http', port: 1000 + value }] },
      }
    case 'EndpointSlice':
      return {
        apiVersion: 'discovery.k8s.io/v1',
        kind,
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080 }],
        endpoints: [
          {
            addresses: [`10.9.0.${value}`],
            conditions: { ready: value % 3 > 0 },
            targetRef: { kind: 'Pod', name },
          },
        ],
      }
    case 'Pod':
      return {
        apiVersion: 'v1',
        kind,
        metadata: { ...metadata, labels: { version: `v${value}` } },
        spec: { containers: [{ name: 'app', image: 'app' }] },
      }
    case 'HTTPRoute':
      return {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind,
        metadata,
        spec: {
          parentRefs: [{ group: '', kind: 'Service', name }],
          rules: [{ backendRefs: [{ name, port: 1002, weight: value }] }],
        },
      }
    case 'PeerAuthentication':
      return {
        apiVersion: 'weft.dev/v1alpha1',
        kind,
        metadata,
        spec: { mtls: { mode: name === 'anchor' || value % 2 === 0 ? 'STRICT' : 'PERMISSIVE' } },
      }
  }
}
