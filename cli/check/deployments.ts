import { CONTROL_PLANE, INJECTOR } from '../../core/contract.ts'
import { getObject, numberAt, textAt, valueAt } from '../cluster/objects.ts'
import { failed, ok, warning, type Check } from './finding.ts'

const NAMES = [CONTROL_PLANE, INJECTOR]

/** Whether all replicas of Weft's own Deployments serve, and of one version. */
export const deployments: Check = {
  name: 'deployments',
  async run({ connection, system }) {
    return Promise.all(
      NAMES.map(async (name) => {
        const found = await getObject(connection, `/apis/apps/v1/namespaces/${system}/deployments/${name}`)
        if (!found) return failed(`there is no Deployment ${system}/${name}: is Weft installed elsewhere?`)
        const { body } = found
        const wanted = (valueAt(body, 'spec', 'replicas') as number | undefined) ?? 1
        const available = numberAt(body, 'status', 'availableReplicas')
        const updated = numberAt(body, 'status', 'updatedReplicas')
        const image = textAt(body, 'spec', 'template', 'spec', 'containers', 0, 'image')
        const text = `${name} has ${available} of ${wanted} replicas available (${image})`
        if (available === 0) return failed(`${text}: kubectl describe pods -n ${system}`)
        return available < wanted || updated < wanted ? warning(text) : ok(text)
      }),
    )
  },
}
