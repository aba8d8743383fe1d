import { serviceRules } from '../network/service-rules.ts'
import type { ServiceTarget } from '../network/service-rules.ts'
import { mustRun } from './run-command.ts'

/** Keeps the node's nat tables as the Services want them; writes only what changed. */
export class ServiceRules {
  readonly #ipv6: boolean
  readonly #written = new Map<4 | 6, string>()

  constructor(ipv6: boolean) {
    this.#ipv6 = ipv6
  }

  async apply(targets: readonly ServiceTarget[]): Promise<void> {
    await this.#write(4, 'iptables-restore', targets)
    if (this.#ipv6) await this.#write(6, 'ip6tables-restore', targets)
  }

  async #write(family: 4 | 6, program: string, targets: readonly ServiceTarget[]): Promise<void> {
    const text = serviceRules(targets, family)
    if (this.#written.get(family) === text) return
    await mustRun([program, '-w'], { input: text })
    this.#written.set(family, text)
  }
}
