import { CONTROL_PLANE, INJECTOR } from '../../core/contract.ts'
import { getObject } from '../cluster/objects.ts'
import { failed, ok, type Check } from './finding.ts'

/** What an earlier installation left behind: above all a webhook that nobody answers. */
export const leftovers: Check = {
  name: 'leftovers',
  async run({ connection, system }) {
    const webhook = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${INJECTOR}`
    const deployment = `/apis/apps/v1/namespaces/${system}/deployments/${INJECTOR}`
    const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${CONTROL_PLANE}`
    const [installed, configured, granted] = await Promise.all(
      [deployment, webhook, role].map((path) => getObject(connection, path)),
    )
    const version = installed?.labels['app.kubernetes.io/version']
    if (installed)
      return [ok(`version ${version ?? 'unknown'} is installed in ${system}: this is an upgrade`)]
    const found = [
      ...(configured
        ? [
            failed(
              `MutatingWebhookConfiguration ${INJECTOR} is there without an injector in ${system}, and may refuse ` +
                `pods: kubectl delete mutatingwebhookconfiguration ${INJECTOR}`,
            ),
          ]
        : []),
      ...(granted
        ? [
            failed(
              `ClusterRole ${CONTROL_PLANE} is there without Weft in ${system}: weft uninstall says more`,
            ),
          ]
        : []),
    ]
    return found.length > 0 ? found : [ok('none')]
  },
}
