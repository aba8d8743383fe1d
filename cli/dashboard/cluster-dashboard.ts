import { configuredCredentials } from '../../control-plane/kubernetes/open-connection.ts'
import { HttpConnection } from '../../control-plane/kubernetes/http-connection.ts'
import { CONTROL_PLANE, HTTP_PORT } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { listenForPod } from '../cluster/forward-listener.ts'
import { listAt, listObjects, textAt, type ClusterObject } from '../cluster/objects.ts'

export interface DashboardForward {
  /** Of 127.0.0.1. */
  readonly port: number
  /** The control plane that was found first. */
  readonly pod: string
  close(): Promise<void>
}

export interface ForwardOptions {
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  /** Where Weft is installed. */
  readonly namespace: string
  /** Of this machine; 0: one that is free. */
  readonly port: number
}

/**
 * Listens on 127.0.0.1 and passes connections on to a control plane that is ready. `failed` hears why one was not; the
 * next looks for a pod anew. Throws WeftError and KubernetesError when there is none, or the port is taken.
 */
export async function forwardDashboard(
  { kubeconfig, context, namespace, port }: ForwardOptions,
  failed: (error: unknown) => void,
): Promise<DashboardForward> {
  const credentials = await configuredCredentials({ kubeconfig, context })
  const connection = new HttpConnection(credentials)
  try {
    const first = await readyControlPlane(connection, namespace)
    let known: string | undefined = first
    const listener = await listenForPod({
      port,
      async target() {
        known ??= await readyControlPlane(connection, namespace)
        const { server } = credentials
        return { server, credentials: await credentials.current(), namespace, pod: known, port: HTTP_PORT }
      },
      failed(error) {
        known = undefined
        failed(error)
      },
      // A pod that is replaced takes the connections with it, mostly without an error.
      ended() {
        known = undefined
      },
    })
    const close = async () => {
      await listener.close()
      await connection.close()
    }
    return { port: listener.port, pod: first, close }
  } catch (error) {
    await connection.close()
    throw error
  }
}

async function readyControlPlane(connection: HttpConnection, namespace: string): Promise<string> {
  const labelSelector = `app.kubernetes.io/name=${CONTROL_PLANE}`
  const pods = await listObjects(connection, `/api/v1/namespaces/${namespace}/pods`, { labelSelector })
  const ready = pods.find(isReady)
  if (ready) return ready.name
  const what = pods.length === 0 ? 'there is no control plane' : 'no control plane is ready'
  const remedy =
    pods.length === 0 ? '--weft-namespace says where Weft is installed' : 'weft check says what it waits for'
  throw new WeftError('dashboard.none', `${what} in namespace ${namespace}: ${remedy}`)
}

function isReady({ body }: ClusterObject): boolean {
  const going = textAt(body, 'metadata', 'deletionTimestamp') !== ''
  const conditions = listAt(body, 'status', 'conditions')
  return (
    !going && conditions.some((one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True')
  )
}
