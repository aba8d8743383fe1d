import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import { followObjects, type KubernetesObject } from '../kubernetes/follow.ts'
import { apiTime, type LiveCondition } from './status-entries.ts'
import { SUPPORTED_FEATURES } from './supported-features.ts'
import { WorkQueue } from './work-queue.ts'
import { APPLY, FIELD_MANAGER, type StartWriter } from './writer.ts'

const GROUP_VERSION = 'gateway.networking.x-k8s.io/v1alpha1'
const PATH = `/apis/${GROUP_VERSION}/xmeshes`

/** An XMesh (GEP-3949) as the API server has it, which checked it. */
interface MeshObject extends KubernetesObject {
  readonly spec?: { readonly controllerName?: string; readonly parametersRef?: unknown }
  readonly status?: {
    readonly conditions?: readonly LiveCondition[]
    readonly supportedFeatures?: readonly { readonly name: string }[]
  }
}

const FEATURES = SUPPORTED_FEATURES.map((name) => ({ name }))

/** Says in the status of each XMesh with our name what the mesh does of Gateway API. */
export const writeMeshStatus: StartWriter = (context) => {
  const { connection, clock } = context
  const queue = new WorkQueue({
    ...context,
    what: "a mesh's status",
    async reconcile(name) {
      const object = followed.objects.get(name) as MeshObject | undefined
      if (object?.spec?.controllerName !== CONTROLLER_NAME) return
      const condition = accepted(object, apiTime(clock.now()))
      const { conditions = [], supportedFeatures = [] } = object.status ?? {}
      const before = conditions.find(({ type }) => type === condition.type)
      if (isDeepStrictEqual(before, condition) && isDeepStrictEqual(supportedFeatures, FEATURES)) return
      try {
        const answer = await connection.request({
          method: 'PATCH',
          path: `${PATH}/${name}/status`,
          query: { fieldManager: FIELD_MANAGER, force: true },
          contentType: APPLY,
          body: {
            apiVersion: GROUP_VERSION,
            kind: 'XMesh',
            metadata: { name },
            status: { conditions: [condition], supportedFeatures: FEATURES },
          },
        })
        followed.wrote(answer)
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.status !== 404) throw error
      }
    },
  })
  const followed = followObjects({ ...context, path: PATH, onObject: (name) => queue.add(name) })
  return {
    async stop() {
      followed.close()
      await queue.stop()
    },
  }
}

/** The time of the last change stays where nothing but the words changes. */
function accepted({ metadata, spec, status }: MeshObject, now: string): LiveCondition {
  const bad = spec?.parametersRef !== undefined && spec.parametersRef !== null
  const wanted = bad ? 'False' : 'True'
  const before = status?.conditions?.find(({ type }) => type === 'Accepted')
  return {
    type: 'Accepted',
    status: wanted,
    reason: bad ? 'InvalidParameters' : 'Accepted',
    message: bad
      ? 'spec.parametersRef: the mesh takes no parameters, take it out'
      : 'routes with a Service as parent are carried out',
    observedGeneration: metadata.generation ?? 0,
    lastTransitionTime: before?.status === wanted ? before.lastTransitionTime : now,
  }
}
