import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** One line of a proxy's access log. */
export interface LogLine {
  readonly direction: string
  readonly method?: string
  readonly path?: string
  readonly protocol: string
  readonly status?: number
  readonly grpc_status?: number
  readonly flags: string
  readonly details: string
  readonly source: string
  readonly attempts?: number
  readonly bytes_received: number
  readonly bytes_sent: number
}

const WEFT = fileURLToPath(new URL('../../../cli/weft.ts', import.meta.url))

/** How a proxy is run. */
export interface ProxyProgram {
  /** Before its own flags; also those of Node.js. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const SOURCES: ProxyProgram = { argv: [WEFT, 'proxy'], env: {} }

/** `weft proxy --bootstrap FILE` as a process of its own, with its access log as it comes. */
export class ProxyProcess {
  readonly name: string
  readonly lines: LogLine[] = []
  /** What it wrote to standard error. */
  stderr = ''
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown[]>
  readonly #admin: number
  #watchers: (() => void)[] = []

  private constructor(
    name: string,
    file: string,
    admin: number,
    flags: readonly string[],
    program: ProxyProgram,
  ) {
    this.name = name
    this.#admin = admin
    this.#child = spawn(
      process.execPath,
      [...program.argv, '--bootstrap', file, '--access-log', 'all', '--drain-seconds', '0', ...flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...program.env } },
    )
    // Not 'exit': what it said last is to be heard.
    this.#exit = once(this.#child, 'close')
    const changed = (): void => {
      for (const watcher of this.#watchers) watcher()
    }
    this.#child.once('exit', changed)
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.stderr += String(text)
      changed()
    })
    if (this.#child.stdout)
      createInterface(this.#child.stdout).on('line', (line) => {
        const told = JSON.parse(line) as LogLine | { readonly dropped_lines: number }
        // Under a flood the log leaves lines out, and says how many.
        if (!('dropped_lines' in told)) this.lines.push(told)
        changed()
      })
  }

  /** Resolves when it serves. */
  static async start(
    name: string,
    folder: string,
    bootstrap: object,
    admin: number,
    flags: readonly string[] = [],
    program: ProxyProgram = SOURCES,
  ): Promise<ProxyProcess> {
    const file = join(folder, `${name}.json`)
    const socket_address = { address: '127.0.0.1', port_value: admin }
    writeFileSync(file, JSON.stringify({ ...bootstrap, admin: { address: { socket_address } } }), {
      mode: 0o600,
    })
    const proxy = new ProxyProcess(name, file, admin, flags, program)
    await proxy.until(() => proxy.stderr.includes('proxy serving') || undefined)
    return proxy
  }

  get rssMib(): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1]) / 1024
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The first value that `find` has, asked again at each line of either output. Rejects if the proxy ends first. */
  until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const value = find()
        if (value === undefined && this.running) return
        this.#watchers = this.#watchers.filter((watcher) => watcher !== look)
        if (value === undefined) reject(new Error(`${this.name} ended: ${this.stderr}`))
        else resolve(value)
      }
      this.#watchers.push(look)
      look()
    })
  }

  /** The first line of the access log that `matches`, also one that was there before. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    return this.until(() => this.lines.find(matches))
  }

  /** Resident memory now, or the most it ever was, in KiB. */
  memoryKib(which: 'now' | 'peak'): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    const key = which === 'now' ? 'VmRSS' : 'VmHWM'
    return Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1])
  }

  /** The admin page /stats: numbers by name and labels, as Prometheus is told them. */
  async stats(): Promise<Record<string, number>> {
    const response = await fetch(`http://127.0.0.1:${this.#admin}/stats?format=json`)
    return (await response.json()) as Record<string, number>
  }

  /** A number of that page, 0 where it is not told. */
  async stat(name: string): Promise<number> {
    const stats = await this.stats()
    return Object.entries(stats).reduce((sum, [key, value]) => (key.includes(name) ? sum + value : sum), 0)
  }

  /** Requests and connections of its upstreams that run now, of the admin page /clusters. */
  async clusters(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#admin}/clusters`)).text()
  }

  signal(name: 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  /** Resolves when it has ended. */
  get ended(): Promise<unknown[]> {
    return this.#exit
  }

  kill(): Promise<unknown[]> {
    this.#child.kill('SIGKILL')
    return this.#exit
  }

  /** Resolves to the exit code, or undefined for one that a signal ended. */
  async stop(): Promise<number | undefined> {
    if (this.running) this.#child.kill('SIGTERM')
    await this.#exit
    return this.#child.exitCode ?? undefined
  }
}
