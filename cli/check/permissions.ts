import type { Json } from '../../injector/json-patch.ts'
import { valueAt } from '../cluster/objects.ts'
import { failed, ok, someOf, type Check } from './finding.ts'

/** What an installation creates: [API group, resources]; `own`: in its namespace. */
const CREATED: readonly (readonly [group: string, own: boolean, ...resources: string[]])[] = [
  ['', false, 'namespaces'],
  ['apiextensions.k8s.io', false, 'customresourcedefinitions'],
  ['rbac.authorization.k8s.io', false, 'clusterroles', 'clusterrolebindings'],
  [
    'admissionregistration.k8s.io',
    false,
    'mutatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
  ],
  ['', true, 'configmaps', 'secrets', 'services', 'serviceaccounts'],
  ['apps', true, 'deployments'],
  ['policy', true, 'poddisruptionbudgets'],
  ['networking.k8s.io', true, 'networkpolicies'],
  ['rbac.authorization.k8s.io', true, 'roles', 'rolebindings'],
]

/** Whether who asks may install. By SelfSubjectAccessReview (authorization.k8s.io/v1): nothing is created. */
export const permissions: Check = {
  name: 'permissions',
  async run({ connection, system }) {
    const asked = CREATED.flatMap(([group, own, ...resources]) =>
      resources.map((resource) => ({
        group,
        resource,
        verb: 'create',
        ...(own ? { namespace: system } : {}),
      })),
    )
    const answers = await Promise.all(
      asked.map(async (resourceAttributes) => {
        const review = (await connection.request({
          method: 'POST',
          path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          body: {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SelfSubjectAccessReview',
            spec: { resourceAttributes },
          },
        })) as Json
        return { ...resourceAttributes, allowed: valueAt(review, 'status', 'allowed') === true }
      }),
    )
    const missing = answers
      .filter(({ allowed }) => !allowed)
      .map(({ group, resource }) => (group === '' ? resource : `${resource}.${group}`))
    if (missing.length === 0) return [ok('all that an installation creates may be created')]
    return [failed(`may not create ${someOf(missing, 20)}: install as a cluster administrator`)]
  },
}
