import { inNamespace } from '../network/node-network.ts'
import { serviceRules } from '../network/service-rules.ts'
import type { ServiceTarget } from '../network/service-rules.ts'
import { mustRun } from './run-command.ts'

/** Keeps the nodes' nat tables as the Services want them; writes only what changed. */
export class ServiceRules {
  readonly #ipv6: boolean
  readonly #nodes: () => readonly string[]
  readonly #written = new Map<string, string>()

  /** `nodes`: network namespaces besides the cluster's own. */
  constructor(ipv6: boolean, nodes: () => readonly string[]) {
    this.#ipv6 = ipv6
    this.#nodes = nodes
  }

  async apply(targets: readonly ServiceTarget[]): Promise<void> {
    await this.#write(4, 'iptables-restore', targets)
    if (this.#ipv6) await this.#write(6, 'ip6tables-restore', targets)
  }

  async #write(family: 4 | 6, program: string, targets: readonly ServiceTarget[]): Promise<void> {
    const text = serviceRules(targets, family)
    const write = async (namespace: string | undefined) => {
      const key = `${namespace} ${family}`
      if (this.#written.get(key) === text) return
      await mustRun([...inNamespace(namespace), program, '-w'], { input: text })
      this.#written.set(key, text)
    }
    await Promise.all([undefined, ...this.#nodes()].map(write))
  }
}
