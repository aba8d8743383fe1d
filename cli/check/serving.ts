import { configuredCredentials } from '../../control-plane/kubernetes/open-connection.ts'
import { CONTROL_PLANE, GRPC_PORT } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { listObjects, textAt } from '../cluster/objects.ts'
import { servedCertificate } from '../cluster/served-certificate.ts'
import { relativeTime } from '../cluster/table.ts'
import { endsSoon } from './ends-soon.ts'
import { failed, ok, unknown, warning, type Check, type Finding } from './finding.ts'
import { isAlive } from './pods.ts'

/** Where the API server is, and the port on which control planes serve sidecars; tests have others. */
export type Reach = (
  session: ClusterSession,
) => Promise<Pick<Parameters<typeof servedCertificate>[0], 'server' | 'credentials' | 'port'>>

const asConfigured: Reach = async (session) => {
  const credentials = await configuredCredentials(session)
  return { server: credentials.server, credentials: await credentials.current(), port: GRPC_PORT }
}

/** Whether the certificate that control planes show to sidecars is renewed: without, no sidecar gets one of its own. */
export function servingCheck(reach: Reach = asConfigured): Check {
  return {
    name: 'serving',
    async run(session) {
      const { connection, system } = session
      const labelSelector = `app.kubernetes.io/name=${CONTROL_PLANE}`
      const pods = await listObjects(connection, `/api/v1/namespaces/${system}/pods`, { labelSelector })
      const ready = pods.filter((pod) => isAlive(pod) && textAt(pod.body, 'status', 'phase') !== 'Pending')
      if (ready.length === 0) return [unknown(`no control plane runs in ${system}`)]
      const target = await reach(session)
      return Promise.all(
        ready.map(async ({ name }) => certificateOf({ ...target, namespace: system, pod: name })),
      )
    },
  }
}

async function certificateOf(
  target: Parameters<typeof servedCertificate>[0],
): Promise<Omit<Finding, 'check'>> {
  const { namespace, pod } = target
  try {
    const certificate = await servedCertificate(target)
    const now = Date.now()
    const end = certificate.validToDate.getTime()
    const text = `the certificate that ${pod} shows to sidecars`
    const log = `kubectl logs -n ${namespace} ${pod} says why`
    if (end <= now)
      return failed(
        `${text} ended ${relativeTime(end, now)}, and no sidecar takes it: ${log} it is not renewed`,
      )
    if (endsSoon(certificate, now))
      return warning(`${text} ends ${relativeTime(end, now)} and should have been renewed: ${log}`)
    return ok(`${text} ends ${relativeTime(end, now)}`)
  } catch (error) {
    return unknown(describeError(error))
  }
}
