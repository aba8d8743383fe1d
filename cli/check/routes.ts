import type { Json } from '../../injector/json-patch.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { listAt, textAt, type ClusterObject } from '../cluster/objects.ts'
import { conditionProblems, objectsIfDefined } from './conditions.ts'
import { ok, warning, type Check } from './finding.ts'

const KINDS = ['httproutes', 'grpcroutes', 'tlsroutes', 'tcproutes']

/** Routes of Services that the control plane could not take as they are, or has not looked at. */
export const routes: Check = {
  name: 'routes',
  async run(session) {
    const found = (await Promise.all(KINDS.map((kind) => routesOf(session, kind)))).flat()
    const problems = found.flatMap((route) => conditionProblems(route, 'parents', 'route'))
    if (problems.length === 0) return [ok(`${found.length}, all accepted`)]
    return problems.map((problem) => warning(problem))
  },
}

async function routesOf(session: ClusterSession, plural: string): Promise<ClusterObject[]> {
  const all = await objectsIfDefined(session, 'gateway.networking.k8s.io/v1', plural)
  return (all ?? []).filter(({ body }) => listAt(body, 'spec', 'parentRefs').some(isService))
}

function isService(parent: Json): boolean {
  return textAt(parent, 'kind') === 'Service' && textAt(parent, 'group') === ''
}
