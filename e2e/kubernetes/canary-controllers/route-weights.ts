import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { KubernetesCluster } from '../cluster/cluster.ts'

/** The share of the canary in an HTTPRoute of two backends, stable one first, as it changes. */
export class RouteWeights {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  /** Each value once, in the order of its time. */
  readonly seen: number[] = []

  constructor(cluster: KubernetesCluster, namespace: string, route: string) {
    const [program = '', ...args] = cluster.kubectlArgv([
      ...['get', 'httproute', route, '--namespace', namespace, '--watch'],
      '--output=jsonpath={.spec.rules[0].backendRefs[1].weight}{"\\n"}',
    ])
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#ended = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const weight = Number(line)
      if (this.seen.at(-1) !== weight) this.seen.push(weight)
    })
  }

  async stop(): Promise<readonly number[]> {
    this.#child.kill()
    await this.#ended
    return this.seen
  }
}
