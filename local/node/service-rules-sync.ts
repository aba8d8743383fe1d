import { serviceRules } from '../network/service-rules.ts'
import type { ServiceTarget } from '../network/service-rules.ts'
import { NodeTables } from './node-tables.ts'

/** Keeps the nodes' nat tables as the Services want them. */
export class ServiceRules {
  readonly #tables: NodeTables

  constructor(ipv6: boolean, nodes: () => readonly string[]) {
    this.#tables = new NodeTables(ipv6, nodes)
  }

  apply(targets: readonly ServiceTarget[]): Promise<void> {
    return this.#tables.write((family) => serviceRules(targets, family))
  }
}
