import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { takesConnections } from '../../programs/takes-connections.ts'
import { installEnvoy } from '../../programs/envoy.ts'
import { describeError } from '../../../core/errors.ts'

const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache', 'bench')

/** Path of Envoy's program, fetched the first time, or why it is not to be had. */
export function findEnvoy(): { readonly binary: string; readonly skip: false | string } {
  try {
    return { binary: installEnvoy(CACHE), skip: false }
  } catch (error) {
    return { binary: '', skip: describeError(error) }
  }
}

/** As much of it as says where Envoy listens. */
export interface EnvoyBootstrap {
  readonly static_resources: {
    readonly listeners: readonly {
      readonly address: { readonly socket_address: { readonly port_value: number } }
    }[]
  }
}

/** Envoy as a process, from a bootstrap of ours. */
export class EnvoyProcess {
  stderr = ''
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown[]>

  private constructor(binary: string, file: string) {
    const flags = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'info']
    this.#child = spawn(binary, ['--config-path', file, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#exit = once(this.#child, 'exit')
  }

  /** Resolves when its static listeners take connections. Rejects with what it said where it ends instead. */
  static async start(
    binary: string,
    name: string,
    folder: string,
    bootstrap: EnvoyBootstrap,
  ): Promise<EnvoyProcess> {
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(bootstrap), { mode: 0o600 })
    const envoy = new EnvoyProcess(binary, file)
    await new Promise<void>((resolve, reject) => {
      envoy.#child.stderr?.on('data', (text: Buffer) => {
        envoy.stderr += String(text)
        if (envoy.stderr.includes('starting workers')) resolve()
      })
      envoy.#child.once('error', reject)
      envoy.#child.once('exit', () => reject(new Error(`Envoy ended: ${envoy.stderr.slice(-2000)}`)))
    })
    // Its workers listen a moment after they have begun.
    for (const { address } of bootstrap.static_resources.listeners) {
      const port = address.socket_address.port_value
      while (!(await takesConnections(port)))
        if (envoy.#child.exitCode !== null || envoy.#child.signalCode !== null) throw new Error(envoy.stderr)
    }
    return envoy
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#exit
  }
}
