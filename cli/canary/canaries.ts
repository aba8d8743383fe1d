import { askInCluster } from '../../control-plane/canary/kubernetes/ask-canary.ts'
import { parseStatus, type CanaryStatus } from '../../control-plane/canary/status.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { WeftError } from '../../core/errors.ts'
import type { Json } from '../../injector/json-patch.ts'
import { ControlClient } from '../../local/control/client.ts'
import { controlSocket, stateDirectory } from '../../local/state-directory.ts'
import { getObject, listObjects, type ClusterObject } from '../cluster/objects.ts'
import { openEither } from '../mesh/which-mesh.ts'

/** A Canary with what is known of it; without a status nobody has looked at it yet. */
export interface KnownCanary {
  readonly namespace: string
  readonly name: string
  readonly status: CanaryStatus | undefined
}

/** The Canaries of one mesh. */
export interface Canaries {
  readonly mesh: 'local' | 'cluster'
  /** Where none is named. */
  readonly namespace: string
  list(): Promise<KnownCanary[]>
  /** Throws WeftError `canary.none`, or `local.no_canary`. */
  ask(namespace: string, name: string, request: string): Promise<void>
  close(): Promise<void>
}

export interface CanaryFlags {
  readonly local: boolean
  readonly name: string
  readonly 'state-dir': string | undefined
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
}

/** Those of the mesh that is meant. Throws what `openEither` throws. */
export function openCanaries(flags: CanaryFlags, given: ReadonlySet<string>): Promise<Canaries> {
  return openEither(given, {
    local: async () => {
      const canaries = localCanaries(flags)
      try {
        await canaries.list()
        return canaries
      } catch (error) {
        await canaries.close()
        throw error
      }
    },
    cluster: () => clusterCanaries(flags),
  })
}

function localCanaries({ name, 'state-dir': directory }: CanaryFlags): Canaries {
  const client = new ControlClient(controlSocket(stateDirectory(name, directory)))
  return {
    mesh: 'local',
    namespace: 'default',
    list: async () =>
      (await client.canaries()).map(({ namespace, name: own, ...status }) => ({
        namespace,
        name: own,
        status,
      })),
    ask: (namespace, own, request) => client.askCanary(namespace, own, request),
    close: () => client.close(),
  }
}

async function clusterCanaries({ kubeconfig, context }: CanaryFlags): Promise<Canaries> {
  const connection = await openConnection({ kubeconfig, context })
  const path = (namespace: string, name: string): string =>
    `/apis/weft.dev/v1alpha1/namespaces/${namespace}/canaries/${name}`
  const known = ({ namespace, name, body }: ClusterObject): KnownCanary => ({
    namespace,
    name,
    status: parseStatus((body as { readonly status?: Json }).status),
  })
  return {
    mesh: 'cluster',
    namespace: connection.namespace,
    list: async () => (await listObjects(connection, '/apis/weft.dev/v1alpha1/canaries')).map(known),
    async ask(namespace, name, request) {
      if ((await getObject(connection, path(namespace, name))) === undefined)
        throw new WeftError('canary.none', `there is no Canary ${namespace}/${name}`)
      await askInCluster(connection, namespace, name, request)
    },
    close: () => connection.close(),
  }
}
