import { CNI_PLUGIN, CONTROL_PLANE, INJECTOR } from '../../core/contract.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { getObject, numberAt, textAt, valueAt } from '../cluster/objects.ts'
import { failed, ok, warning, type Check, type Finding } from './finding.ts'

const NAMES = [CONTROL_PLANE, INJECTOR]

/** Whether all replicas of Weft's own Deployments serve, and of one version. */
export const deployments: Check = {
  name: 'deployments',
  async run({ connection, system }) {
    const plugin = await pluginFinding(connection, system)
    const found = await Promise.all(
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
    return plugin === undefined ? found : [...found, plugin]
  },
}

/** Undefined: the installation has no CNI plugin. */
async function pluginFinding(
  connection: ClusterSession['connection'],
  system: string,
): Promise<Omit<Finding, 'check'> | undefined> {
  const path = `/apis/apps/v1/namespaces/${system}/daemonsets/${CNI_PLUGIN}`
  const found = await getObject(connection, path)
  if (!found) return undefined
  const wanted = numberAt(found.body, 'status', 'desiredNumberScheduled')
  const ready = numberAt(found.body, 'status', 'numberReady')
  const text = `${CNI_PLUGIN} is in place on ${ready} of ${wanted} nodes`
  return ready < wanted ? warning(`${text}: kubectl describe pods -n ${system}`) : ok(text)
}
