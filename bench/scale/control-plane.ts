import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { request } from 'undici'
import { WeftError } from '../../core/errors.ts'
import { freePorts } from '../../core/testing/free-ports.ts'
import { bundle, CONTROL_PLANE_FLAGS } from '../../cli/bundle.ts'
import { cpuMicroseconds, memoryOf, processTree } from '../../e2e/programs/process-usage.ts'

/** The control plane's bundle, as images ship it, in a process of its own. */
export class ControlPlane {
  readonly grpcPort: number
  /** From its start until /ready. Milliseconds. */
  readonly readyMs: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, grpcPort: number, readyMs: number) {
    this.#child = child
    this.grpcPort = grpcPort
    this.readyMs = readyMs
  }

  /** Throws WeftError `scale.control_plane` when it ends instead; `log` then says why. */
  static async start(kubeconfig: string, log: string): Promise<ControlPlane> {
    const { path } = await bundle('control-plane')
    const [grpc = 0, http = 0] = await freePorts(2)
    const began = performance.now()
    const flags = ['--kubernetes', '--kubeconfig', kubeconfig]
    const addresses = ['--grpc', `127.0.0.1:${grpc}`, '--http', `127.0.0.1:${http}`]
    const child = spawn(process.execPath, [...CONTROL_PLANE_FLAGS, path, ...flags, ...addresses], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.pipe(createWriteStream(log))
    while (!(await isReady(http))) {
      if (child.exitCode !== null) throw new WeftError('scale.control_plane', `it ended; see ${log}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return new ControlPlane(child, grpc, performance.now() - began)
  }

  /** CPU used so far. Milliseconds. */
  cpuMs(): number {
    return cpuMicroseconds(processTree(this.#child.pid ?? 0)) / 1000
  }

  /** Resident now, and at most so far. MiB. */
  memory(): { readonly rss: number; readonly peak: number } {
    const pid = this.#child.pid ?? 0
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0)
    return { rss: memoryOf([pid]).rssKib / 1024, peak: peak / 1024 }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${port}/ready`)
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
