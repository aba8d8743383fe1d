import { CONTROL_PLANE, INJECTOR, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { LocalCluster } from '../../local/cluster.ts'
import { changeManifest } from '../demo/demo-cluster.ts'
import type { FaultName, Planned } from './plan.ts'

const SIDECAR = 'weft-proxy'
const NAMESPACE = 'storm'
const VERSIONS = ['v1', 'v2']
/** How long a pod is cut off. */
const LEAST_CUT_MS = 1000
const MOST_CUT_MS = 9000
const AGAIN_MS = 100
const PATIENCE_MS = 60_000

/** Does things to a mesh, one at a time, each until the mesh is whole again. */
export class Faults {
  readonly #cluster: LocalCluster

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster
  }

  /** Resolves when every pod is ready again. Throws an Error where that takes too long. */
  async play({ name, on, amount }: Planned): Promise<void> {
    await this.#all[name](on, amount)
    await this.#whole()
  }

  readonly #all: Record<FaultName, (on: number, amount: number) => Promise<unknown>> = {
    'application killed': async (on) => this.#again('kill', await this.#pod(on), 'app'),
    'application restarted': async (on) => this.#again('restart', await this.#pod(on), 'app'),
    'sidecar killed': async (on) => this.#again('kill', await this.#pod(on), SIDECAR),
    'sidecar restarted': async (on) => this.#again('restart', await this.#pod(on), SIDECAR),
    'pod deleted': async (on) => this.#cluster.deletePod(await this.#pod(on)),
    partition: async (on, amount) => this.#cutOff(await this.#pod(on), amount),
    'control plane killed': async (_on, amount) => {
      const again = this.#again('kill', await this.#only(SYSTEM_NAMESPACE, CONTROL_PLANE), 'control-plane')
      await this.#route(amount)
      await again
    },
    'injector killed': async () =>
      this.#again('kill', await this.#only(SYSTEM_NAMESPACE, INJECTOR), 'injector'),
    'route edited': (_on, amount) => this.#route(amount),
    'scaled up and down': (on) => this.#scale(VERSIONS[on < 0.5 ? 0 : 1] ?? ''),
    'sidecar of a caller killed': async () =>
      this.#again('kill', await this.#only(NAMESPACE, 'shaken'), SIDECAR),
  }

  /** Ends a container, by SIGKILL or in order, and resolves when it runs again. */
  async #again(how: 'kill' | 'restart', pod: string, container: string): Promise<void> {
    const restarts = async (): Promise<number> => {
      const { pods } = await this.#cluster.status()
      const found = pods.find(({ namespace, name }) => `${namespace}/${name}` === pod)
      return found?.containers.find(({ name }) => name === container)?.restarts ?? 0
    }
    const before = await restarts()
    await this.#cluster[how](pod, { container })
    await this.#until(`${container} of ${pod} again`, async () => (await restarts()) > before)
  }

  /** The pod of a Deployment with one replica. */
  async #only(namespace: string, owner: string): Promise<string> {
    const { pods } = await this.#cluster.status()
    const pod = pods.find((one) => one.namespace === namespace && one.owner === owner && !one.terminating)
    if (!pod) throw new Error(`no pod of ${owner} is there`)
    return `${namespace}/${pod.name}`
  }

  /** One of those that serve, the oldest first. */
  async #pod(on: number): Promise<string> {
    const { pods } = await this.#cluster.status()
    const serving = pods
      .filter(({ namespace, labels }) => namespace === NAMESPACE && labels['app'] === 'app')
      .filter(({ ready, terminating }) => ready && !terminating)
      .sort((a, b) => a.createdAt - b.createdAt)
    const pod = serving[Math.floor(on * serving.length)]
    if (!pod) throw new Error('no pod serves')
    return `${pod.namespace}/${pod.name}`
  }

  /** Packets from and to a pod are lost, in its own network namespace. */
  async #cutOff(pod: string, amount: number): Promise<void> {
    const rules = async (action: '-A' | '-D'): Promise<void> => {
      const each = ['INPUT -i', 'OUTPUT -o'].map((at) => `iptables -w ${action} ${at} eth0 -j DROP`)
      const { code, stderr } = await this.#cluster.exec(pod, ['sh', '-c', each.join(' && ')])
      if (code !== 0) throw new Error(`iptables in ${pod} ended with ${code}: ${stderr.trim()}`)
    }
    await rules('-A')
    await later(LEAST_CUT_MS + amount * (MOST_CUT_MS - LEAST_CUT_MS))
    await rules('-D')
  }

  async #route(amount: number): Promise<void> {
    const weight = Math.round(1 + amount * 98)
    let turn = 0
    await changeManifest(this.#cluster, 'route.yaml', (text) =>
      text.replace(/weight: \d+/g, () => `weight: ${turn++ === 0 ? weight : 100 - weight}`),
    )
  }

  async #scale(version: string): Promise<void> {
    const restore = await changeManifest(this.#cluster, `app-${version}.yaml`, (text) =>
      text.replace('replicas: 2', 'replicas: 4'),
    )
    await this.#until('four replicas', async () => (await this.#serving(version)) === 4)
    await restore()
    await this.#until('two replicas', async () => (await this.#serving(version)) === 2)
  }

  async #serving(version: string): Promise<number> {
    const { pods } = await this.#cluster.status()
    return pods.filter(({ labels, ready }) => labels['version'] === version && ready).length
  }

  #whole(): Promise<void> {
    return this.#until('every pod ready', async () => {
      const { ready, pods } = await this.#cluster.status()
      return ready && pods.every((pod) => pod.ready && !pod.terminating)
    })
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    // What was done is seen a moment later.
    do {
      await later(AGAIN_MS)
      if (performance.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`)
    } while (!(await holds()))
  }
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
