import {
  CONTROL_PLANE,
  INJECTOR,
  INJECT_LABEL,
  PROXY_CONTAINER,
  WEBHOOK_SECRET,
  systemServiceHost,
} from '../../core/contract.ts'
import type { Json } from '../../injector/json-patch.ts'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import { certificatesOfSecret, whyNotTrusted } from '../cluster/certificates.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { getObject, listAt, textAt } from '../cluster/objects.ts'
import { relativeTime } from '../cluster/table.ts'
import { endsSoon } from './ends-soon.ts'
import { failed, ok, unknown, warning, type Check } from './finding.ts'

const CONFIGURATION = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${INJECTOR}`

/** The webhook's configuration, and whether its caBundle trusts the certificate that the injector serves. */
export const webhook: Check = {
  name: 'webhook',
  async run({ connection, system }) {
    const configuration = await getObject(connection, CONFIGURATION)
    if (!configuration)
      return [failed(`there is no MutatingWebhookConfiguration ${INJECTOR}: no pod is injected`)]
    const webhooks = listAt(configuration.body, 'webhooks')
    const bare = webhooks.filter((one) => textAt(one, 'clientConfig', 'caBundle') === '')
    if (bare.length > 0 || webhooks.length === 0)
      return [failed('it has no caBundle: the control plane writes it, see its log')]
    const secret = await getObject(connection, `/api/v1/namespaces/${system}/secrets/${WEBHOOK_SECRET}`)
    const chain = certificatesOfSecret(textAt(secret?.body, 'data', 'tls.crt'))
    const [leaf] = chain
    if (!leaf)
      return [failed(`Secret ${system}/${WEBHOOK_SECRET} has no certificate: the control plane writes it`)]
    const now = Date.now()
    for (const one of webhooks) {
      const roots = certificatesOfSecret(textAt(one, 'clientConfig', 'caBundle'))
      const why = whyNotTrusted(chain, roots, systemServiceHost(INJECTOR, system), now)
      if (why !== undefined)
        return [
          failed(`the caBundle of ${textAt(one, 'name')} does not trust the served certificate: ${why}`),
        ]
    }
    const end = relativeTime(leaf.validToDate.getTime(), now)
    const text = `its caBundle trusts the certificate that is served, which ends ${end}`
    return [
      endsSoon(leaf, now)
        ? warning(
            `${text} and should have been renewed: kubectl logs -n ${system} deployment/${CONTROL_PLANE}`,
          )
        : ok(text),
    ]
  },
}

/** Whether the API server reaches the webhook: a pod that asks for a sidecar, as a dry run, gets one. */
export const injection: Check = {
  name: 'injection',
  async run(session) {
    const namespace = session.namespace ?? 'default'
    const body = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'weft-check-', labels: { [INJECT_LABEL]: 'enabled' } },
      spec: { containers: [{ name: 'check', image: 'check' }] },
    }
    return [await tryPod(session, namespace, body)]
  },
}

async function tryPod({ connection }: ClusterSession, namespace: string, body: object) {
  const path = `/api/v1/namespaces/${namespace}/pods`
  try {
    const pod = (await connection.request({ method: 'POST', path, query: { dryRun: 'All' }, body })) as Json
    const all = [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')]
    return all.some((container) => textAt(container, 'name') === PROXY_CONTAINER)
      ? ok(`a pod that asks for a sidecar gets one (a dry run in ${namespace})`)
      : failed(`a pod that asks for a sidecar in ${namespace} gets none: the webhook was not asked`)
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status === 0) throw error
    return error.message.includes('failed calling webhook')
      ? failed(`the API server does not reach the webhook: ${error.message}`)
      : unknown(`a dry run in ${namespace} is refused: ${error.message}`)
  }
}
