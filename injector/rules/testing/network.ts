import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'

export interface User {
  readonly uid: number
  readonly gid: number
}

/** Two network namespaces joined by a veth pair: `pod` and, outside of it, `peer`. */
export class TestNetwork {
  readonly #suffix: string
  readonly #children: ChildProcess[] = []

  constructor(label: string) {
    this.#suffix = `${label}-${process.pid}`
  }

  get pod(): string {
    return `weft-pod-${this.#suffix}`
  }

  get peer(): string {
    return `weft-peer-${this.#suffix}`
  }

  /** Creates the namespaces and gives each side its addresses (with prefix length). */
  create(podAddresses: readonly string[], peerAddresses: readonly string[]): void {
    ip('netns', 'add', this.pod)
    ip('netns', 'add', this.peer)
    ip('link', 'add', 'eth0', 'netns', this.pod, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.peer)
    for (const [name, addresses] of [
      [this.pod, podAddresses],
      [this.peer, peerAddresses],
    ] as const) {
      this.run(name, 'sysctl', '-q', '-w', 'net.ipv4.ip_unprivileged_port_start=1')
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'link', 'set', 'eth0', 'up')
      for (const address of addresses) {
        // nodad: an IPv6 address is usable at once.
        ip('-n', name, 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []))
      }
    }
  }

  /** Runs `ip` inside a namespace. */
  ip(namespace: string, ...args: string[]): void {
    ip('-n', namespace, ...args)
  }

  /** Runs a program inside a namespace to its end and returns what it printed. */
  run(namespace: string, program: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', namespace, program, ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
  }

  /** Starts answer.ts; resolves once it listens. */
  answer(namespace: string, user: User, name: string, addresses: readonly string[]): Promise<void> {
    const child = this.#script(namespace, user, 'answer.ts', [name, ...addresses])
    return new Promise((resolve, reject) => {
      child.stdout?.once('data', () => resolve())
      child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)))
    })
  }

  /** Calls each address as `user` and returns the answers. */
  call(namespace: string, user: User, addresses: readonly string[]): Promise<Record<string, string>> {
    const child = this.#script(namespace, user, 'call.ts', addresses)
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    return new Promise((resolve, reject) => {
      child.once('close', (code) =>
        code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`ended with ${code}`)),
      )
    })
  }

  #script(namespace: string, user: User, script: string, args: readonly string[]): ChildProcess {
    const child = spawn(
      'ip',
      [
        'netns',
        'exec',
        namespace,
        'setpriv',
        `--reuid=${user.uid}`,
        `--regid=${user.gid}`,
        '--clear-groups',
        // Without tap's hooks, whose reports these users can't write.
        'env',
        '-i',
        process.execPath,
        join(import.meta.dirname, script),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    this.#children.push(child)
    return child
  }

  /** Ends what was started and deletes the namespaces, also those of a failed `create`. */
  async remove(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }
    for (const name of [this.pod, this.peer]) {
      try {
        ip('netns', 'delete', name)
      } catch {
        // It was never made.
      }
    }
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Why this machine can't make network namespaces; false where it can. For tap's `skip`. */
export function whyNoNetwork(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces'
  const probe = `weft-probe-${process.pid}`
  try {
    ip('netns', 'add', probe)
    ip('netns', 'delete', probe)
    execFileSync('iptables-save', ['--version'], { stdio: 'ignore' })
    return false
  } catch (error) {
    return `network namespaces or iptables are not to be had: ${error instanceof Error ? error.message : String(error)}`
  }
}
