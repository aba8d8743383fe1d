import { filterRules, isolatesAny, type PolicyState } from '../network/policy/filter-rules.ts'
import { mustRun } from './run-command.ts'

/** Keeps the node's filter tables as the NetworkPolicies want them; writes only what changed, and nothing before there is one. */
export class NetworkPolicyRules {
  readonly #ipv6: boolean
  readonly #written = new Map<4 | 6, string>()
  #inForce = true

  constructor(ipv6: boolean) {
    this.#ipv6 = ipv6
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

  async #write(family: 4 | 6, program: string, state: PolicyState): Promise<void> {
    const text = filterRules(state, family)
    if (this.#written.get(family) === text) return
    await mustRun([program, '-w'], { input: text })
    this.#written.set(family, text)
  }
}
