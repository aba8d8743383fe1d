import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { eachOf, NAMESPACES } from './objects.ts'
import { CHANGED_PATH } from './messages.ts'

const GROUP = 'apis/weft.dev/v1alpha1/namespaces'
const IN_EACH_NAMESPACE = 20
/** For the whole mesh, as it is in the installation's namespace. */
const CHANGED = { namespace: 'weft-system', name: 'changed' }

/** AuthorizationPolicies: 20 for each namespace, and one for the whole mesh that is changed. */
export class PolicyObjects {
  readonly #connection: KubernetesConnection

  constructor(connection: KubernetesConnection) {
    this.#connection = connection
  }

  async make(): Promise<void> {
    await eachOf(
      Array.from({ length: NAMESPACES * IN_EACH_NAMESPACE }, (_, at) => at),
      async (at) => {
        const source = { serviceAccounts: [`scale-${at % NAMESPACES}/caller-${at}`] }
        const operation = { methods: ['GET'], paths: [`/items-${at}/*`, `/users/{*}/cards-${at}/{**}`] }
        await this.#create(`scale-${at % NAMESPACES}`, `policy-${at}`, {
          rules: [{ from: [{ source }], to: [{ operation }] }],
        })
      },
    )
    await this.#create(CHANGED.namespace, CHANGED.name, denying(0))
  }

  /** Gives the policy of the whole mesh another path to deny. Resolves when the API server has taken it. */
  async change(number: number): Promise<void> {
    await this.#connection.request({
      method: 'PATCH',
      path: `/${GROUP}/${CHANGED.namespace}/authorizationpolicies/${CHANGED.name}`,
      contentType: 'application/merge-patch+json',
      body: { spec: denying(number) },
    })
  }

  async #create(namespace: string, name: string, spec: object): Promise<void> {
    await this.#connection.request({
      method: 'POST',
      path: `/${GROUP}/${namespace}/authorizationpolicies`,
      body: {
        apiVersion: 'weft.dev/v1alpha1',
        kind: 'AuthorizationPolicy',
        metadata: { name, namespace },
        spec,
      },
    })
  }
}

function denying(number: number): object {
  return { action: 'DENY', rules: [{ to: [{ operation: { paths: [`${CHANGED_PATH}${number}/*`] } }] }] }
}
