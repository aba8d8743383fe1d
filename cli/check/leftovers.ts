import { getObject } from '../cluster/objects.ts'
import { failed, ok, type Check } from './finding.ts'

/** What an earlier installation left behind: above all a webhook that nobody answers. */
export const leftovers: Check = {
  name: 'leftovers',
  async run({ connection, system }) {
    const webhook = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector'
    const deployment = `/apis/apps/v1/namespaces/${system}/deployments/weft-injector`
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/weft-control-plane'
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
              `MutatingWebhookConfiguration weft-injector is there without an injector in ${system}, and may refuse ` +
                'pods: kubectl delete mutatingwebhookconfiguration weft-injector',
            ),
          ]
        : []),
      ...(granted
        ? [
            failed(
              `ClusterRole weft-control-plane is there without Weft in ${system}: weft uninstall says more`,
            ),
          ]
        : []),
    ]
    return found.length > 0 ? found : [ok('none')]
  },
}
