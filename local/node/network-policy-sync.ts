import { inNamespace } from '../network/node-network.ts'
import { filterRules, isolatesAny, type PolicyState } from '../network/policy/filter-rules.ts'
import { mustRun } from './run-command.ts'

/** Keeps the nodes' filter tables as the NetworkPolicies want them; writes only what changed, and nothing before there is one. */
export class NetworkPolicyRules {
  readonly #ipv6: boolean
  readonly #nodes: () => readonly string[]
  readonly #written = new Map<string, string>()
  #inForce = true

  /** `nodes`: network namespaces besides the cluster's own. */
  constructor(ipv6: boolean, nodes: () => readonly string[]) {
    this.#ipv6 = ipv6
    this.#nodes = nodes
  }

  /** Whether what was last asked for is. */
  get inForce(): boolean {
    return this.#inForce
  }

  async apply(state: PolicyState): Promise<void> {
    if (this.#written.size === 0 && !isolatesAny(state)) return
    this.#inForce = false
    await this.#write(4, 'iptables-restore', state)
    if (this.#ipv6) await this.#write(6, 'ip6tables-restore', state)
    this.#inForce = true
  }

  /** The same everywhere: a rule for the device of a pod of another node meets no packet. */
  async #write(family: 4 | 6, program: string, state: PolicyState): Promise<void> {
    const text = filterRules(state, family)
    const write = async (namespace: string | undefined): Promise<void> => {
      const key = `${namespace} ${family}`
      if (this.#written.get(key) === text) return
      await mustRun([...inNamespace(namespace), program, '-w'], { input: text })
      this.#written.set(key, text)
    }
    await Promise.all([undefined, ...this.#nodes()].map(write))
  }
}
