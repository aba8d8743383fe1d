import { inNamespace } from '../network/node-network.ts'
import { mustRun } from './run-command.ts'

type Family = 4 | 6

const RESTORE: Readonly<Record<Family, string>> = { 4: 'iptables-restore', 6: 'ip6tables-restore' }

/** One table of iptables in the cluster's own namespace and in that of each node: the same everywhere, and only what changed is written. */
export class NodeTables {
  readonly #families: readonly Family[]
  readonly #nodes: () => readonly string[]
  readonly #written = new Map<string, string>()

  /** `nodes`: network namespaces besides the cluster's own. */
  constructor(ipv6: boolean, nodes: () => readonly string[]) {
    this.#families = ipv6 ? [4, 6] : [4]
    this.#nodes = nodes
  }

  /** Whether anything ever was. */
  get isWritten(): boolean {
    return this.#written.size > 0
  }

  /** `textOf`: the whole table, for iptables-restore, by family. Rejects with the first that cannot be set. */
  async write(textOf: (family: Family) => string): Promise<void> {
    for (const family of this.#families) {
      const text = textOf(family)
      const write = async (namespace: string | undefined): Promise<void> => {
        const key = `${namespace} ${family}`
        if (this.#written.get(key) === text) return
        await mustRun([...inNamespace(namespace), RESTORE[family], '-w'], { input: text })
        this.#written.set(key, text)
      }
      await Promise.all([undefined, ...this.#nodes()].map(write))
    }
  }
}
