import { CONTROL_PLANE, HTTP_PORT } from '../../core/contract.ts'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { Json } from '../../injector/json-patch.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { apiHeaders } from './api-headers.ts'
import { listAt, listObjects, numberAt, textAt } from '../cluster/objects.ts'

/** One replica of the control plane, as its REST API has it. */
export interface ControlPlane {
  readonly replica: string
  readonly release: string
  /** Of the mesh; each replica counts for itself. */
  readonly version: number
  readonly trustDomain: string
  readonly proxies: readonly ConnectedProxy[]
  /** Who signs certificates, and why it gives none; both '' where it does not say. */
  readonly issuer: { readonly title: string; readonly trouble: string }
  /** Why it could not be asked. */
  readonly error?: string
}

export interface ConnectedProxy {
  readonly namespace: string
  readonly pod: string
  readonly serviceAccount: string
  readonly connectedAt: number
  /** Of Node.js, or '' where it does not say. */
  readonly runtime: string
  /** Of the mesh that it took last. */
  readonly version: number
  readonly rejected: string
}

/**
 * Asks each replica by the API server's proxy (`pods/proxy`), so without a listener or a tunnel: a proxy is connected to
 * one of them only. Throws KubernetesError when the API server gives no answer.
 */
export async function askControlPlanes({
  connection,
  system,
}: Pick<ClusterSession, 'connection' | 'system'>): Promise<ControlPlane[]> {
  const labelSelector = `app.kubernetes.io/name=${CONTROL_PLANE}`
  const pods = await listObjects(connection, `/api/v1/namespaces/${system}/pods`, { labelSelector })
  return Promise.all(
    pods.map(async ({ name: replica }) => {
      const get = async (page: string) => {
        const path = `/api/v1/namespaces/${system}/pods/${replica}:${HTTP_PORT}/proxy/api/${page}`
        const headers = apiHeaders()
        return (await connection.request({ method: 'GET', path, headers, timeoutMs: 10_000 })) as Json
      }
      try {
        const [mesh, proxies] = await Promise.all([get('mesh'), get('proxies')])
        return {
          replica,
          release: textAt(mesh, 'release'),
          version: numberAt(mesh, 'version'),
          trustDomain: textAt(mesh, 'trustDomain'),
          // Those of other replicas it tells, too, by name.
          proxies: listAt(proxies, 'proxies')
            .filter((one) => textAt(one, 'replica') === '')
            .map(readProxy),
          issuer: {
            title: textAt(mesh, 'issuer', 'title'),
            trouble: textAt(mesh, 'issuer', 'trouble', 'reason'),
          },
        }
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error
        // A NetworkPolicy may keep the API server from the port: networkPolicies.dashboardFrom in the chart opens it.
        const issuer = { title: '', trouble: '' }
        return {
          replica,
          release: '',
          version: 0,
          trustDomain: '',
          proxies: [],
          issuer,
          error: error.message,
        }
      }
    }),
  )
}

function readProxy(value: Json): ConnectedProxy {
  return {
    namespace: textAt(value, 'namespace'),
    pod: textAt(value, 'pod'),
    serviceAccount: textAt(value, 'serviceAccount'),
    connectedAt: numberAt(value, 'connectedAt'),
    runtime: textAt(value, 'runtime'),
    version: numberAt(value, 'version'),
    rejected: textAt(value, 'rejected'),
  }
}
