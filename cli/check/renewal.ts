import { PROXY_CONTAINER, STATUS_ANNOTATION } from '../../core/contract.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { listObjects, textAt } from '../cluster/objects.ts'
import { relativeTime } from '../cluster/table.ts'
import type { AdminPages } from '../mesh/admin-page.ts'
import { sidecarCertificates, type SidecarCertificate } from '../mesh/sidecar-certificates.ts'
import { failed, ok, someOf, unknown, warning, type Check, type Finding } from './finding.ts'
import { meshNamespaces } from './mesh-namespaces.ts'
import { isAlive } from './pods.ts'

/** Of a certificate's life: sidecars renew at 0.6 of it at the latest (certs/renewal.ts), and try again where that fails. */
const OVERDUE = 2 / 3

/** Pods whose certificate should have been renewed, as their sidecars show it; by `open`, which tests give. */
export function renewalCheck(
  open?: (session: Pick<ClusterSession, 'kubeconfig' | 'context'>) => Promise<AdminPages>,
): Check {
  return {
    name: 'renewal',
    async run(session) {
      const namespaces = await meshNamespaces(session)
      const found = await Promise.all(
        namespaces.map(({ name }) => listObjects(session.connection, `/api/v1/namespaces/${name}/pods`)),
      )
      const pods = found
        .flat()
        .filter((pod) => isAlive(pod) && textAt(pod.body, 'status', 'phase') !== 'Pending')
        .filter(({ annotations }) => annotations[STATUS_ANNOTATION] !== undefined)
        .map(({ namespace, name }) => ({ namespace, pod: name }))
      if (pods.length > 0) process.stderr.write(`asking ${pods.length} sidecars for their certificates\n`)
      const certificates = await sidecarCertificates(session, pods, open)
      const now = Date.now()
      const titled = certificates.map((one, at) => ({ ...one, namespace: '', pod: '', ...pods[at] }))
      const silent = titled.filter(({ error }) => error !== undefined)
      const findings = titled
        .filter(({ error }) => error === undefined)
        .flatMap((one) => findingsOf(one, now))
      const [first] = silent
      if (first) {
        const names = someOf(silent.map(({ namespace, pod }) => `${namespace}/${pod}`))
        findings.push(unknown(`${silent.length} do not tell their certificate: ${names}; ${first.error}`))
      }
      return findings.length > 0 ? findings : [ok(`${pods.length} sidecars renew their certificates in time`)]
    },
  }
}

function findingsOf(
  { namespace, pod: name, validFrom, validTo }: SidecarCertificate & { namespace: string; pod: string },
  now: number,
): Omit<Finding, 'check'>[] {
  const pod = `${namespace}/${name}`
  const log = `kubectl logs -n ${namespace} ${name} -c ${PROXY_CONTAINER}`
  if (validTo === '') return [failed(`${pod} has no certificate: ${log} says why`)]
  const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)]
  if (now >= end)
    return [
      failed(
        `the certificate of ${pod} ended ${relativeTime(end, now)}, and is trusted by nobody: ${log} says why it is not renewed`,
      ),
    ]
  const lived = (now - begin) / (end - begin)
  if (lived <= OVERDUE) return []
  return [
    warning(
      `the certificate of ${pod} is not renewed: ${Math.floor(100 * lived)} % of its life are over, and it ends ` +
        `${relativeTime(end, now)}; ${log} says why`,
    ),
  ]
}
