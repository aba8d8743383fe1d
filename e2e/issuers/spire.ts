import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../core/testing/free-ports.ts'
import { runCommand, type CommandResult } from '../../local/node/run-command.ts'
import { eventually } from '../demo/scenario.ts'

const AGENT_ID = 'spiffe://cluster.local/agent'
const CONTROL_PLANE_ID = 'spiffe://cluster.local/ns/weft-system/sa/weft-control-plane'
const STARTED_S = 60
const ENTRY = join(import.meta.dirname, '../../examples/issuers/spire/entry.sh')

/** A real SPIRE server with one agent, on loopback. */
export class Spire {
  readonly port: number
  readonly agentSocket: string
  readonly #programs: string
  readonly #folder: string
  readonly #socket: string
  readonly #children = new Map<string, ChildProcess>()

  private constructor(programs: string, folder: string, port: number) {
    this.#programs = programs
    this.#folder = folder
    this.port = port
    this.#socket = join(folder, 'server.sock')
    this.agentSocket = join(folder, 'agent.sock')
  }

  /** `programs`: the folder of both; `folder`: where they keep their state, empty. */
  static async start(programs: string, folder: string): Promise<Spire> {
    const spire = new Spire(programs, folder, await freePort())
    try {
      await spire.startServer()
      await spire.#startAgent()
    } catch (error) {
      await spire.stop()
      throw error
    }
    return spire
  }

  async startServer(): Promise<void> {
    const data = join(this.#folder, 'server')
    mkdirSync(data, { recursive: true })
    this.#spawn(
      'spire-server',
      `
server {
  bind_address = "127.0.0.1"
  bind_port = "${this.port}"
  socket_path = "${this.#socket}"
  trust_domain = "cluster.local"
  data_dir = "${data}"
  log_level = "WARN"
  ca_ttl = "1h"
  default_x509_svid_ttl = "10m"
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3", connection_string = "${data}/datastore.sqlite3" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "disk" { plugin_data { keys_path = "${data}/keys.json" } }
}
`,
    )
    await eventually(STARTED_S, 'the SPIRE server is healthy', async () => {
      const { code } = await this.#server('healthcheck')
      return code === 0 ? true : undefined
    })
  }

  async stopServer(): Promise<void> {
    await this.#end('spire-server')
  }

  /** The entry of the control plane, which is any process of this user. Its ID. */
  async createEntry(downstream: boolean): Promise<string> {
    const selectors = ['-selector', `unix:uid:${process.getuid?.() ?? 0}`]
    const { code, stdout, stderr } = await (downstream
      ? this.#example(selectors)
      : this.#server('entry', 'create', '-parentID', AGENT_ID, '-spiffeID', CONTROL_PLANE_ID, ...selectors))
    const [, id] = /Entry ID\s*: (\S+)/.exec(stdout) ?? []
    if (code !== 0 || id === undefined) throw new Error(`spire-server entry create: ${stderr || stdout}`)
    return id
  }

  async deleteEntry(id: string): Promise<void> {
    await this.#server('entry', 'delete', '-entryID', id)
  }

  async stop(): Promise<void> {
    for (const name of [...this.#children.keys()].toReversed()) await this.#end(name)
  }

  /** As the documents have it. */
  #example(selectors: readonly string[]): Promise<CommandResult> {
    const env = [
      `PATH=${this.#programs}:${process.env['PATH']}`,
      `AGENT=${AGENT_ID.slice('spiffe://cluster.local/'.length)}`,
      `SELECTORS=${selectors.join(' ')}`,
      `SOCKET=${this.#socket}`,
    ]
    return runCommand(['env', ...env, 'sh', ENTRY])
  }

  async #startAgent(): Promise<void> {
    const { stdout } = await this.#server('token', 'generate', '-spiffeID', AGENT_ID)
    const [, token = ''] = /Token: (\S+)/.exec(stdout) ?? []
    const data = join(this.#folder, 'agent')
    mkdirSync(data, { recursive: true })
    this.#spawn(
      'spire-agent',
      `
agent {
  server_address = "127.0.0.1"
  server_port = "${this.port}"
  socket_path = "${this.agentSocket}"
  trust_domain = "cluster.local"
  data_dir = "${data}"
  log_level = "WARN"
  insecure_bootstrap = true
  join_token = "${token}"
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`,
    )
    await eventually(STARTED_S, 'the SPIRE agent is healthy', async () => {
      const argv = [join(this.#programs, 'spire-agent'), 'healthcheck', '-socketPath', this.agentSocket]
      return (await runCommand(argv)).code === 0 ? true : undefined
    })
  }

  #server(...args: readonly string[]) {
    const [command = '', ...rest] = args
    const verbs = command === 'healthcheck' ? [command] : [command, rest.shift() ?? '']
    return runCommand([join(this.#programs, 'spire-server'), ...verbs, '-socketPath', this.#socket, ...rest])
  }

  #spawn(name: string, config: string): void {
    const file = join(this.#folder, `${name}.conf`)
    writeFileSync(file, config)
    const argv = ['run', '-config', file]
    this.#children.set(
      name,
      spawn(join(this.#programs, name), argv, { stdio: ['ignore', 'ignore', 'inherit'] }),
    )
  }

  async #end(name: string): Promise<void> {
    const child = this.#children.get(name)
    this.#children.delete(name)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill('SIGTERM')
    await ended
  }
}
