import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Counts, FromNode, ToNode } from './messages.ts'

const MAIN = fileURLToPath(new URL('./node.ts', import.meta.url))
const NETWORK = '10.9.0'

/** The network that nodes are joined to, in this process's own namespace: this side is its first address. */
export function makeNetwork(): void {
  execFileSync('ip', ['link', 'add', 'br0', 'type', 'bridge'])
  execFileSync('ip', ['address', 'add', `${NETWORK}.1/24`, 'dev', 'br0'])
  execFileSync('ip', ['link', 'set', 'br0', 'up'])
}

/** A node of its own, as a process in a namespace that ends with it. */
export class Node {
  readonly number: number
  readonly host: string
  readonly #child: ChildProcess

  /** `number`: from 2 on, the last part of its address. */
  constructor(number: number) {
    this.number = number
    this.host = Node.host(number)
    this.#child = spawn('unshare', ['--net', '--', process.execPath, MAIN], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  static host(number: number): string {
    return `${NETWORK}.${number}`
  }

  /** Joins it to the network and has it serve; `holds`: see serveApplications; `bootstrap`: of its sidecar. */
  async start(holds: boolean, bootstrap: object, folder: string): Promise<void> {
    await this.#answer()
    const port = `node${this.number}`
    const pid = String(this.#child.pid)
    execFileSync('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid])
    execFileSync('ip', ['link', 'set', port, 'master', 'br0', 'up'])
    await this.#ask({ type: 'serve', host: this.host, number: this.number, holds, bootstrap, folder })
  }

  /** Packets to and from it are lost without a word, or no longer. */
  async cut(cut: boolean): Promise<void> {
    execFileSync('iptables', [cut ? '-A' : '-D', 'INPUT', '-s', this.host, '-j', 'DROP'])
    await this.#ask({ type: 'lose', packets: cut })
  }

  /** Its interface goes down, or comes up. */
  async link(up: boolean): Promise<void> {
    await this.#ask({ type: 'interface', up })
  }

  async counts(): Promise<Counts> {
    const answer = await this.#ask({ type: 'count' })
    if (answer.type !== 'counted') throw new Error(`node ${this.number} answered ${answer.type}`)
    return answer.counts
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
  }

  async #ask(message: ToNode): Promise<FromNode> {
    const answer = this.#answer()
    this.#child.send(message)
    return answer
  }

  async #answer(): Promise<FromNode> {
    const [answer] = (await once(this.#child, 'message')) as [FromNode]
    if (answer.type === 'failed') throw new Error(`node ${this.number}: ${answer.message}`)
    return answer
  }
}
