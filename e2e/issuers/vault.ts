import { spawn, type ChildProcess } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createIssuing, createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { freePort } from '../../core/testing/free-ports.ts'
import { mustRun, runCommand } from '../../local/node/run-command.ts'
import { eventually } from '../demo/scenario.ts'

const STARTED_S = 60
/** `vault status`: 0 unsealed, 1 an error, 2 sealed. */
const SEALED = 2

/** A real Vault on loopback, by TLS, with storage of its own, so that it is the same one when it is started again. */
export class Vault {
  readonly address: string
  /** The CA of its server certificate. */
  readonly caPath: string
  readonly #programs: string
  readonly #folder: string
  readonly #config: string
  #child: ChildProcess | undefined
  #unsealKey = ''
  #rootToken = ''

  private constructor(
    programs: string,
    folder: string,
    ports: { readonly api: number; readonly raft: number },
  ) {
    this.#programs = programs
    this.#folder = folder
    this.address = `https://localhost:${ports.api}`
    this.caPath = join(folder, 'ca.crt')
    this.#config = join(folder, 'vault.hcl')
    const [certificate, key] = writeServerCertificate(folder, this.caPath)
    const data = join(folder, 'data')
    mkdirSync(data)
    writeFileSync(
      this.#config,
      `
storage "raft" { path = "${data}", node_id = "one" }
listener "tcp" {
  address = "127.0.0.1:${ports.api}"
  cluster_address = "127.0.0.1:${ports.raft}"
  tls_cert_file = "${certificate}"
  tls_key_file = "${key}"
}
api_addr = "${this.address}"
cluster_addr = "https://127.0.0.1:${ports.raft}"
plugin_directory = "${programs}"
disable_mlock = true
log_level = "error"
`,
    )
  }

  /** `programs`: their folder; `folder`: where it keeps its state, empty. Resolves once it is unsealed. */
  static async start(programs: string, folder: string): Promise<Vault> {
    const vault = new Vault(programs, folder, { api: await freePort(), raft: await freePort() })
    try {
      await vault.begin()
      const said = await vault.run('operator', 'init', '-key-shares=1', '-key-threshold=1', '-format=json')
      const { unseal_keys_b64: keys, root_token: token } = JSON.parse(said) as {
        readonly unseal_keys_b64: readonly string[]
        readonly root_token: string
      }
      vault.#unsealKey = keys[0] ?? ''
      vault.#rootToken = token
      await vault.unseal()
      return vault
    } catch (error) {
      await vault.end()
      throw error
    }
  }

  /** Starts it, or starts it again: sealed. Resolves when it answers. */
  async begin(): Promise<void> {
    this.#child = spawn(this.#program, ['server', `-config=${this.#config}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await this.#status(SEALED)
  }

  async unseal(): Promise<void> {
    await this.run('operator', 'unseal', this.#unsealKey)
    await this.#status(0)
    // With its storage it has to become the leader of one before it does anything.
    await eventually(STARTED_S, 'Vault is active', async () =>
      /"is_self": true/.test((await this.#try(['status', '-format=json'])).stdout) ? true : undefined,
    )
  }

  /** Runs `vault`, with the rights of root. Throws with what it said. Its standard output. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#try(args)
    if (code !== 0) throw new Error(`vault ${args.slice(0, 2).join(' ')}: ${stderr || stdout}`)
    return stdout
  }

  /** Runs a script that says `vault`, with the rights of root. */
  async script(path: string): Promise<void> {
    await mustRun(['sh', '-eu', path], { env: this.#env() })
  }

  async end(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  }

  get #program(): string {
    return join(this.#programs, 'vault')
  }

  #env(): Record<string, string> {
    return {
      PATH: `${this.#programs}:${process.env['PATH'] ?? ''}`,
      HOME: this.#folder,
      VAULT_ADDR: this.address,
      VAULT_CACERT: this.caPath,
      ...(this.#rootToken !== '' && { VAULT_TOKEN: this.#rootToken }),
    }
  }

  #try(args: readonly string[]) {
    return runCommand([this.#program, ...args], { env: this.#env() })
  }

  async #status(wanted: number): Promise<void> {
    await eventually(STARTED_S, 'Vault answers', async () =>
      (await this.#try(['status'])).code === wanted ? true : undefined,
    )
  }
}

function writeServerCertificate(folder: string, caPath: string): readonly [certificate: string, key: string] {
  const root = createRoot('vault.example', Date.now())
  const ca = createIssuing(root, 'vault.example', Date.now())
  const key = generateKey()
  const { chain } = issueServer(ca, {
    dnsNames: ['localhost'],
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  const paths = [join(folder, 'server.crt'), join(folder, 'server.key')] as const
  writeFileSync(caPath, certificatesPem([root.certificate]))
  writeFileSync(paths[0], certificatesPem(chain))
  writeFileSync(paths[1], privateKeyPem(key), { mode: 0o600 })
  return paths
}
