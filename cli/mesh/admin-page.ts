import { configuredCredentials } from '../../control-plane/kubernetes/open-connection.ts'
import { WeftError } from '../../core/errors.ts'
import { ADMIN_PORT } from '../../core/contract.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { getThroughPod } from '../cluster/port-forward.ts'

/** A JSON page of a sidecar's admin server. Throws WeftError `config.page` and `port_forward.failed`. */
export type AdminPages = (
  of: { readonly namespace: string; readonly pod: string },
  path: string,
) => Promise<unknown>

/** With the credentials that openConnection uses. Throws WeftError `kubernetes.kubeconfig`. */
export async function openAdminPages(
  session: Pick<ClusterSession, 'kubeconfig' | 'context'>,
): Promise<AdminPages> {
  const credentials = await configuredCredentials(session)
  return async ({ namespace, pod }, path) => {
    const current = await credentials.current()
    const target = { server: credentials.server, credentials: current, namespace, pod, port: ADMIN_PORT }
    const { status, text } = await getThroughPod(target, path)
    if (status === 200) return JSON.parse(text) as unknown
    throw new WeftError(
      'config.page',
      `the sidecar of ${namespace}/${pod} answered ${status}: ${text.trim()}`,
    )
  }
}
