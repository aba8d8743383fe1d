import { describeError } from '../../core/errors.ts'
import type { Json } from '../../injector/json-patch.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { textAt } from '../cluster/objects.ts'
import { openAdminPages, type AdminPages } from './admin-page.ts'

/** The certificate that a sidecar shows, or `error`: why that could not be asked. */
export interface SidecarCertificate {
  /** RFC 3339; '' where it has none. */
  readonly validFrom: string
  readonly validTo: string
  readonly error?: string
}

const AT_ONCE = 4

/**
 * Of each of these pods, in their order, from its sidecar's admin server. A few at a time: each is a stream through the API server.
 * Throws WeftError `kubernetes.kubeconfig`.
 */
export async function sidecarCertificates(
  session: Pick<ClusterSession, 'kubeconfig' | 'context'>,
  pods: readonly { readonly namespace: string; readonly pod: string }[],
  open: (session: Pick<ClusterSession, 'kubeconfig' | 'context'>) => Promise<AdminPages> = openAdminPages,
): Promise<SidecarCertificate[]> {
  const pages = await open(session)
  const found: SidecarCertificate[] = []
  const left = pods.entries()
  const work = async () => {
    for (const [at, pod] of left)
      found[at] = await pages(pod, '/certs').then(
        (page) => ({
          validFrom: textAt(page as Json, 'chain', 0, 'validFrom'),
          validTo: textAt(page as Json, 'chain', 0, 'validTo'),
        }),
        (error: unknown) => ({ validFrom: '', validTo: '', error: describeError(error) }),
      )
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return found
}
