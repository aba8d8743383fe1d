import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WeftError } from '../core/errors.ts'
import { freePorts } from '../core/testing/free-ports.ts'
import type { LoadReply, LoadRequest } from './load/protocol.ts'
import type { RunResult } from './load/meter.ts'
import { coresOf, pinned, type Cores } from './measure/cores.ts'
import type { OriginPorts } from './origin/main.ts'
import { writeCertificates } from './peers/certificates.ts'
import type { CertificateFiles, Peer, Plan, Topology } from './peers/peer.ts'
import { startAll, type RunningProxy } from './peers/running.ts'

/** What all measurements stand on: the load's process, the application's, certificates and CPUs. */
export class Bed {
  readonly cores: Cores | undefined
  readonly origin: OriginPorts
  readonly #load: ChildProcess
  readonly #originProcess: ChildProcess
  readonly #folder: string
  readonly #certificates: CertificateFiles
  #plans = 0

  private constructor(
    cores: Cores | undefined,
    load: ChildProcess,
    origin: ChildProcess,
    ports: OriginPorts,
  ) {
    this.cores = cores
    this.#load = load
    this.#originProcess = origin
    this.origin = ports
    this.#folder = mkdtempSync(join(tmpdir(), 'weft-bench-'))
    this.#certificates = writeCertificates(this.#folder)
  }

  static async open(): Promise<Bed> {
    const cores = coresOf()
    const load = child('load/main.ts', cores?.load)
    const origin = child('origin/main.ts', cores?.load)
    const [[ports]] = await Promise.all([once(origin, 'message'), once(load, 'message')])
    return new Bed(cores, load, origin, ports as OriginPorts)
  }

  /** Starts a peer's proxies between free ports and the application. */
  async start(peer: Peer, topology: Topology, origin: keyof OriginPorts): Promise<Path> {
    const folder = mkdtempSync(join(this.#folder, `${++this.#plans}-${peer.name}-`))
    const [front, inner] = await freePorts(2)
    const plan: Plan = {
      topology,
      ports: { front: front as number, inner: inner as number, origin: this.origin[origin] },
      certificates: this.#certificates,
      folder,
    }
    const proxies = await startAll(peer.processes(plan), this.cores?.proxies)
    return new Path(peer, plan.ports.front, proxies)
  }

  /** One turn of load. Rejects with what was wrong with an answer. */
  async run(request: LoadRequest): Promise<RunResult> {
    const reply = once(this.#load, 'message')
    this.#load.send(request)
    const [result] = (await reply) as [LoadReply]
    if (!result.ok) throw new WeftError('bench.answer', result.error)
    return result
  }

  close(): void {
    this.#load.disconnect()
    this.#originProcess.disconnect()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A peer's proxies between load and application. */
export class Path {
  readonly peer: Peer
  readonly port: number
  readonly #proxies: readonly RunningProxy[]

  constructor(peer: Peer, port: number, proxies: readonly RunningProxy[]) {
    this.peer = peer
    this.port = port
    this.#proxies = proxies
  }

  /** Process ids of each proxy. */
  get pids(): number[][] {
    return this.#proxies.map(({ pids }) => pids)
  }

  /** Milliseconds from exec to ready, of the slowest. */
  get readyMs(): number {
    return Math.max(...this.#proxies.map(({ readyMs }) => readyMs))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()))
  }
}

function child(file: string, cpu: number | undefined): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const [command, ...rest] = pinned([process.execPath, path], cpu) as [string, ...string[]]
  return spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}
