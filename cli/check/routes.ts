import { CONTROLLER_NAME } from '../../core/contract.ts'
import type { Json } from '../../injector/json-patch.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { listAt, listObjects, textAt, type ClusterObject } from '../cluster/objects.ts'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import { ok, warning, type Check } from './finding.ts'

const KINDS = ['httproutes', 'grpcroutes', 'tlsroutes', 'tcproutes']

/** Routes of Services that the control plane could not take as they are, or has not looked at. */
export const routes: Check = {
  name: 'routes',
  async run(session) {
    const found = (await Promise.all(KINDS.map((kind) => routesOf(session, kind)))).flat()
    const problems = found.flatMap((route) => problemsOf(route))
    if (problems.length === 0) return [ok(`${found.length}, all accepted`)]
    return problems.map((problem) => warning(problem))
  },
}

async function routesOf({ connection, namespace }: ClusterSession, kind: string): Promise<ClusterObject[]> {
  const base = '/apis/gateway.networking.k8s.io/v1'
  const path = namespace === undefined ? `${base}/${kind}` : `${base}/namespaces/${namespace}/${kind}`
  try {
    const all = await listObjects(connection, path)
    return all.filter(({ body }) => listAt(body, 'spec', 'parentRefs').some(isService))
  } catch (error) {
    // Not defined in this cluster.
    if (error instanceof KubernetesError && error.status === 404) return []
    throw error
  }
}

function isService(parent: Json): boolean {
  return textAt(parent, 'kind') === 'Service' && textAt(parent, 'group') === ''
}

function problemsOf({ body, namespace, name }: ClusterObject): string[] {
  const title = `${textAt(body, 'kind') || 'route'} ${namespace}/${name}`
  const parents = listAt(body, 'status', 'parents').filter(
    (parent) => textAt(parent, 'controllerName') === CONTROLLER_NAME,
  )
  if (parents.length === 0) return [`${title} has no status of the control plane`]
  const problems = parents.flatMap((parent) =>
    listAt(parent, 'conditions')
      .filter(
        (condition) =>
          textAt(condition, 'status') ===
          (textAt(condition, 'type') === 'PartiallyInvalid' ? 'True' : 'False'),
      )
      .map((condition) => {
        const [type, reason, message] = ['type', 'reason', 'message'].map((field) => textAt(condition, field))
        return `${title}: ${type}: ${reason}: ${message}`
      }),
  )
  return [...new Set(problems)]
}
