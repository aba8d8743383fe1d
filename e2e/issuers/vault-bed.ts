import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { VaultLogin } from '../../control-plane/issuers/vault/vault-client.ts'
import type { Progress } from '../programs/progress.ts'
import { startCluster, type KubernetesCluster } from '../kubernetes/cluster/cluster.ts'
import { Vault } from './vault.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/issuers/vault')
const PLUGIN = 'vault-plugin-auth-kubernetes'
const ACCOUNT = 'weft-control-plane'
const LOGIN_PATH = 'auth/kubernetes/login'
const POLICY = /policy write weft - <<'END'\n(.*?)END\n/s

/** What is read of `vault token lookup`. */
interface Token {
  readonly path: string
  readonly creation_ttl: number
}

/** A real Vault, and a real API server that tells it who logs in. */
export class VaultBed {
  readonly vault: Vault
  readonly folder: string
  readonly login: VaultLogin
  readonly #cluster: KubernetesCluster
  #policy: string

  private constructor(vault: Vault, folder: string, cluster: KubernetesCluster) {
    this.vault = vault
    this.folder = folder
    this.#cluster = cluster
    this.#policy = POLICY.exec(readFileSync(join(EXAMPLE, 'setup.sh'), 'utf8'))?.[1] ?? ''
    this.login = { kind: 'kubernetes', mount: 'kubernetes', role: 'weft', tokenPath: join(folder, 'jwt') }
  }

  /** `programs`: the folder of Vault and its plugin. With nothing set up in Vault yet. */
  static async start(programs: string, progress: Progress): Promise<VaultBed> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-vault-'))
    let cluster: KubernetesCluster | undefined
    let vault: Vault | undefined
    try {
      cluster = await startCluster({ mode: 'api', onProgress: progress })
      vault = await Vault.start(programs, folder)
      progress('Vault is unsealed')
      const bed = new VaultBed(vault, folder, cluster)
      await bed.#prepare(programs)
      return bed
    } catch (error) {
      await vault?.end()
      await cluster?.stop()
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** As examples/issuers/vault says. */
  async setUp(): Promise<void> {
    await this.vault.script(join(EXAMPLE, 'setup.sh'))
    await this.#cluster.kubectl(['apply', '--filename', join(EXAMPLE, 'token-reviewer.yaml')])
    const kubeconfig = parse(readFileSync(this.#cluster.kubeconfig, 'utf8')) as {
      readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[]
    }
    const { server = '', 'certificate-authority-data': ca = '' } = kubeconfig.clusters[0]?.cluster ?? {}
    await this.vault.run(
      ...['write', 'auth/kubernetes/config', `kubernetes_host=${server}`],
      `kubernetes_ca_cert=${Buffer.from(ca, 'base64').toString()}`,
      `token_reviewer_jwt=${await this.#cluster.kubectl(['create', 'token', 'vault', '--namespace=vault'])}`,
    )
  }

  /** Gives the control plane one more right than the example does. */
  async allow(rule: string): Promise<void> {
    this.#policy += `${rule}\n`
    const file = join(this.folder, 'policy.hcl')
    writeFileSync(file, this.#policy)
    await this.vault.run('policy', 'write', 'weft', file)
  }

  /** A root and a CA below it that signs, in the mount beside those that are there: `root-NAME`, `signing-NAME`. */
  async addIssuers(name: string, signingTtl = '8760h'): Promise<void> {
    const key = ['key_type=ec', 'key_bits=256']
    await this.vault.run(
      ...['write', 'pki/root/generate/internal', `issuer_name=root-${name}`, `common_name=mesh root ${name}`],
      ...[...key, 'ttl=87600h'],
    )
    await this.vault.run(
      ...['pki', 'issue', `-issuer_name=signing-${name}`, `/pki/issuer/root-${name}`, '/pki/'],
      ...[`common_name=mesh signing ${name}`, ...key, `ttl=${signingTtl}`],
    )
    await this.vault.run('patch', `pki/issuer/signing-${name}`, 'leaf_not_after_behavior=truncate')
  }

  /** Accessors of the tokens that logins gave and that are good now; of those that live `ttlS` seconds, if told. */
  async tokens(ttlS?: number): Promise<string[]> {
    const accessors = JSON.parse(
      await this.vault.run('list', '-format=json', 'auth/token/accessors'),
    ) as string[]
    const found: string[] = []
    for (const accessor of accessors) {
      const token = await this.#lookUp(accessor)
      if (token?.path === LOGIN_PATH && (ttlS === undefined || token.creation_ttl === ttlS))
        found.push(accessor)
    }
    return found
  }

  async stop(): Promise<void> {
    await this.vault.end()
    await this.#cluster.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Undefined once it is over. */
  async #lookUp(accessor: string): Promise<Token | undefined> {
    try {
      const said = await this.vault.run('token', 'lookup', '-format=json', '-accessor', accessor)
      return (JSON.parse(said) as { readonly data: Token }).data
    } catch {
      return undefined
    }
  }

  /** The auth method, which Vault's usual build has in it; and the control plane's own token. */
  async #prepare(programs: string): Promise<void> {
    const sha256 = createHash('sha256')
      .update(readFileSync(join(programs, PLUGIN)))
      .digest('hex')
    await this.vault.run(
      ...['plugin', 'register', `-sha256=${sha256}`, `-command=${PLUGIN}`, 'auth', 'kubernetes'],
    )
    await this.#cluster.kubectl(['create', 'namespace', 'weft-system'])
    await this.#cluster.kubectl(['create', 'serviceaccount', ACCOUNT, '--namespace=weft-system'])
    const token = ['create', 'token', ACCOUNT, '--namespace=weft-system', '--audience=vault', '--duration=1h']
    writeFileSync(join(this.folder, 'jwt'), await this.#cluster.kubectl(token), { mode: 0o600 })
  }
}
