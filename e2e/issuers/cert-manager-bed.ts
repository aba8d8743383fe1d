import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { certificatesIn } from '../../cli/cluster/certificates.ts'
import { runCommand } from '../../local/node/run-command.ts'
import { startCluster, type KubernetesCluster } from '../kubernetes/cluster/cluster.ts'
import { installMesh } from '../kubernetes/mesh/install.ts'
import { DEMO_MANIFESTS, kubernetesMesh } from '../kubernetes/mesh/kubernetes-mesh.ts'
import type { MeshCluster, PodInfo } from '../demo/scenario.ts'
import type { Progress } from '../programs/progress.ts'
import { CERT_MANAGER_CRDS, CERT_MANAGER_PROGRAM } from './programs.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/issuers/cert-manager')
const CONTROLLERS = join(import.meta.dirname, 'manifests/cert-manager.yaml')
const IMAGE = 'weft.local/cert-manager:1'
const SYSTEM = 'weft-system'
const SHOP = ['namespaces', 'catalog', 'catalog-route', 'client']
/** Of the example, and what it is here: a certificate of an hour that is renewed 20 s after it was made. */
const LIFE = ['duration: 2160h\n  renewBefore: 720h', 'duration: 1h\n  renewBefore: 59m40s'] as const

/** A real Kubernetes with cert-manager's controllers, and a mesh whose intermediate they renew. */
export class CertManagerBed {
  readonly cluster: KubernetesCluster
  readonly mesh: MeshCluster

  private constructor(cluster: KubernetesCluster) {
    this.cluster = cluster
    this.mesh = kubernetesMesh(cluster)
  }

  /** `programs`: the folder of the part. Resolves once the mesh and the demo's shop are ready. */
  static async start(programs: string, progress: Progress): Promise<CertManagerBed> {
    const cluster = await startCluster({ mode: 'node', onProgress: progress })
    try {
      const program = '/cert-manager'
      await cluster.loadImages({
        [IMAGE]: {
          layers: [{ [program]: { from: join(programs, CERT_MANAGER_PROGRAM) } }],
          entrypoint: [program],
        },
      })
      await cluster.kubectl(['apply', '--server-side', '--filename', join(programs, CERT_MANAGER_CRDS)])
      await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
      await cluster.kubectl(['apply', '--filename', CONTROLLERS])
      await available(cluster, 'cert-manager')
      progress("cert-manager's controllers are ready")
      await cluster.kubectl(['create', 'namespace', SYSTEM])
      const ca = readFileSync(join(EXAMPLE, 'ca.yaml'), 'utf8').replace(...LIFE)
      await cluster.kubectl(['apply', '--filename', '-'], { stdin: ca })
      const wait = ['wait', '--for=condition=Ready', 'certificate/mesh-ca', '--timeout=120s']
      await cluster.kubectl([...wait, '--namespace', SYSTEM])
      progress('the intermediate is there')
      await installMesh(
        cluster,
        progress,
        parse(readFileSync(join(EXAMPLE, 'values.yaml'), 'utf8')) as object,
      )
      for (const file of SHOP)
        await cluster.kubectl(['apply', '--filename', join(DEMO_MANIFESTS, `${file}.yaml`)])
      await available(cluster, 'shop')
      progress('the shop is ready')
      return new CertManagerBed(cluster)
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  /** Of the Secret as it is now: the intermediate, and the root that cert-manager puts beside it. */
  async secret(): Promise<{ readonly ca: X509Certificate; readonly root: X509Certificate }> {
    const said = await this.cluster.kubectl(['get', 'secret', 'mesh-ca', '-n', SYSTEM, '--output=json'])
    const { data } = JSON.parse(said) as { readonly data: Readonly<Record<string, string>> }
    const of = (key: string) => new X509Certificate(Buffer.from(data[key] ?? '', 'base64'))
    return { ca: of('tls.crt'), root: of('ca.crt') }
  }

  /** What the sidecar of a pod shows who connects: its leaf, and what is above that. */
  async shownBy({ address }: PodInfo): Promise<readonly X509Certificate[]> {
    const argv = ['openssl', 's_client', '-connect', `${address}:8080`, '-showcerts', '-alpn', 'weft-h2']
    const { stdout } = await runCommand(this.cluster.networkArgv(argv), { input: '', timeoutMs: 10_000 })
    return certificatesIn(stdout)
  }

  async restart(deployment: string): Promise<void> {
    const target = [`deployment/${deployment}`, '--namespace', 'shop']
    await this.cluster.kubectl(['rollout', 'restart', ...target])
    await this.cluster.kubectl(['rollout', 'status', ...target, '--timeout=180s'])
  }
}

async function available(cluster: KubernetesCluster, namespace: string): Promise<void> {
  const wait = ['wait', '--for=condition=Available', 'deployment', '--all', '--timeout=180s']
  await cluster.kubectl([...wait, '--namespace', namespace])
}
