import { createPublicKey } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { issueServer, type CaCredentials } from '../../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../../certs/key.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import { startInside, type InsideProcess } from './inside-process.ts'
import { MountedSecret } from './mounted-secret.ts'
import { pointService } from './service-address.ts'

const PROJECT = join(import.meta.dirname, '../../..')
/** In the cluster's own range; nobody else asks for it. */
const SERVICE = { address: '10.96.0.50', port: 443 }

/** `tls.crt` and `tls.key` for a Service of `weft-system`. */
export function servingFiles(ca: CaCredentials, service: string): Record<'tls.crt' | 'tls.key', string> {
  const key = generateKey()
  const dnsNames = [`${service}.weft-system.svc`]
  const { chain } = issueServer(ca, { dnsNames, publicKey: createPublicKey(key), now: Date.now() })
  return { 'tls.crt': chain.map((one) => one.toString()).join(''), 'tls.key': privateKeyPem(key) }
}

/** An object of the static manifests, which are the chart's. */
export function installedObject(kind: string, name: string): object {
  const text = readFileSync(join(PROJECT, 'deploy/manifests/weft.yaml'), 'utf8')
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Identified | null)
  const found = objects.find((one) => one?.kind === kind && one.metadata.name === name)
  if (!found) throw new Error(`the manifests have no ${kind} ${name}`)
  return found
}

interface Identified {
  readonly kind: string
  readonly metadata: { readonly name: string }
}

/**
 * The webhook as the chart installs it, with processes of this tree in place of its pods: the chart's own
 * MutatingWebhookConfiguration, its Service with a ClusterIP, and serving certificates of `ca`.
 */
export class InstalledWebhook {
  readonly tls: MountedSecret
  /** What `tls` held first. */
  readonly files: Readonly<Record<string, string>>
  readonly #cluster: KubernetesCluster

  private constructor(cluster: KubernetesCluster, ca: CaCredentials) {
    this.#cluster = cluster
    const directory = join(dirname(cluster.logs), 'webhook')
    mkdirSync(directory)
    this.files = servingFiles(ca, 'weft-injector')
    this.tls = new MountedSecret(join(directory, 'tls'), this.files)
  }

  static async install(cluster: KubernetesCluster, ca: CaCredentials): Promise<InstalledWebhook> {
    const installed = new InstalledWebhook(cluster, ca)
    const apply = (...objects: object[]) =>
      cluster.kubectl(['apply', '--server-side', '--filename', '-'], {
        stdin: objects.map((one) => JSON.stringify(one)).join('\n---\n'),
      })
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'weft-system' } })
    const service = installedObject('Service', 'weft-injector') as { spec: object }
    Object.assign(service.spec, { clusterIP: SERVICE.address })
    await apply(service, installedObject('MutatingWebhookConfiguration', 'weft-injector'))
    await installed.trust([ca])
    return installed
  }

  /** Writes caBundle, as the control plane does. */
  async trust(roots: readonly CaCredentials[]): Promise<void> {
    const caBundle = Buffer.from(roots.map(({ certificate }) => certificate.toString()).join('')).toString(
      'base64',
    )
    const patch = [0, 1].map((at) => ({
      op: 'add',
      path: `/webhooks/${at}/clientConfig/caBundle`,
      value: caBundle,
    }))
    const what = ['mutatingwebhookconfiguration', 'weft-injector']
    await this.#cluster.kubectl(['patch', ...what, '--type=json', '--patch', JSON.stringify(patch)])
  }

  /** A replica of the injector; it gets requests once `serve` names its port. */
  start(port: number, flags: readonly string[] = []): Promise<InsideProcess> {
    const files = ['tls.crt', 'tls.key'].map((name) => join(this.tls.directory, name))
    const [cert = '', key = ''] = files
    const argv = ['--listen', `0.0.0.0:${port}`, '--cert-file', cert, '--key-file', key, ...flags]
    const program = [process.execPath, join(PROJECT, 'cli/weft.ts'), 'injector']
    return startInside(this.#cluster, [...program, ...argv], /webhook listening/)
  }

  /** The Service's endpoints, by port. */
  async serve(...ports: readonly number[]): Promise<void> {
    await pointService(this.#cluster, SERVICE, ports)
  }
}
