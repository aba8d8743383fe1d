import { filterRules, isolatesAny, type PolicyState } from '../network/policy/filter-rules.ts'
import { NodeTables } from './node-tables.ts'

/** Keeps the nodes' filter tables as the NetworkPolicies want them; nothing is written before there is one. */
export class NetworkPolicyRules {
  readonly #tables: NodeTables
  #inForce = true

  constructor(ipv6: boolean, nodes: () => readonly string[]) {
    this.#tables = new NodeTables(ipv6, nodes)
  }

  /** Whether what was last asked for is. */
  get inForce(): boolean {
    return this.#inForce
  }

  /** A rule for the device of a pod of another node meets no packet. */
  async apply(state: PolicyState): Promise<void> {
    if (!this.#tables.isWritten && !isolatesAny(state)) return
    this.#inForce = false
    await this.#tables.write((family) => filterRules(state, family))
    this.#inForce = true
  }
}
