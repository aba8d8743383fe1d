import { INJECTED_LABEL } from '../../core/contract.ts'
import { sidecarVersion } from '../check/pods.ts'
import { runClusterCommand, type ClusterSession, type Outcome } from '../cluster/command.ts'
import { listObjects, textAt } from '../cluster/objects.ts'
import { tableText } from '../cluster/table.ts'
import { askControlPlanes } from './control-planes.ts'
import { PROXIES_COMMAND } from './commands.ts'
import { sidecarCertificates } from './sidecar-certificates.ts'

/** One sidecar. */
export interface ProxyRow {
  readonly namespace: string
  readonly pod: string
  readonly version: string
  /** Undefined: connected to none of those that could be asked. */
  readonly replica: string | undefined
  readonly config: 'current' | 'behind' | 'refused' | 'not connected'
  /** Of the mesh: what it took last, and what its replica has. */
  readonly took: number
  readonly latest: number
  /** Why it refused what it was sent last. */
  readonly rejected: string
  readonly identity: string
  /** With --certs: RFC 3339, or why it is not known. */
  readonly certificate?: string
}

/** `weft proxies`. Resolves to the exit code. */
export function runProxies(argv: readonly string[]): Promise<number> {
  return runClusterCommand({ description: PROXIES_COMMAND, run: listProxies }, argv)
}

/** What `weft proxies` says. Throws KubernetesError. */
export async function listProxies(session: ClusterSession): Promise<Outcome> {
  const { connection, namespace } = session
  const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`
  const [controlPlanes, pods] = await Promise.all([
    askControlPlanes(session),
    listObjects(connection, path, { labelSelector: `${INJECTED_LABEL}=true` }),
  ])
  const connected = new Map(
    controlPlanes.flatMap((one) =>
      one.proxies.map((proxy) => [`${proxy.namespace}/${proxy.pod}`, { proxy, controlPlane: one }] as const),
    ),
  )
  const trustDomain = controlPlanes.find((one) => one.trustDomain !== '')?.trustDomain ?? ''
  const known = pods
    .filter(({ body }) => !['Succeeded', 'Failed'].includes(textAt(body, 'status', 'phase')))
    .map((pod): ProxyRow => {
      const found = connected.get(`${pod.namespace}/${pod.name}`)
      const account = textAt(pod.body, 'spec', 'serviceAccountName') || 'default'
      const { version: took = 0, rejected = '' } = found?.proxy ?? {}
      const latest = found?.controlPlane.version ?? 0
      const config = rejected !== '' ? 'refused' : took < latest ? 'behind' : 'current'
      return {
        namespace: pod.namespace,
        pod: pod.name,
        version: sidecarVersion(pod),
        replica: found?.controlPlane.replica,
        config: found ? config : 'not connected',
        took,
        latest,
        rejected,
        identity: `spiffe://${trustDomain}/ns/${pod.namespace}/sa/${account}`,
      }
    })
  const rows = session.given.has('certs') ? await withCertificates(session, known) : known
  const silent = controlPlanes.filter(({ error }) => error !== undefined)
  const good = silent.length === 0 && rows.every(({ config }) => config === 'current' || config === 'behind')
  const text =
    tableText(
      ['NAMESPACE', 'POD', 'SIDECAR', 'CONTROL PLANE', 'CONFIG', 'IDENTITY', 'CERTIFICATE'].slice(
        0,
        session.given.has('certs') ? 7 : 6,
      ),
      rows.map((row) => [
        row.namespace,
        row.pod,
        row.version,
        row.replica ?? '-',
        row.config === 'behind' ? `behind (${row.took} of ${row.latest})` : row.config,
        row.identity,
        row.certificate ?? '',
      ]),
    ) +
    rows
      .map((row) => (row.rejected === '' ? '' : `${row.namespace}/${row.pod} refused: ${row.rejected}\n`))
      .join('') +
    silent.map(({ replica, error }) => `${replica} could not be asked: ${error}\n`).join('') +
    (controlPlanes.length === 0 ? `There is no control plane in ${session.system}.\n` : '')
  return { text, json: { controlPlanes, proxies: rows }, good: good && controlPlanes.length > 0 }
}

async function withCertificates(session: ClusterSession, rows: readonly ProxyRow[]): Promise<ProxyRow[]> {
  const found = await sidecarCertificates(session, rows)
  return rows.map((row, at) => ({ ...row, certificate: found[at]?.error ?? (found[at]?.validTo || 'none') }))
}
