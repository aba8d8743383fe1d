import { INJECT_LABEL, INJECTOR } from '../../core/contract.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import { injectPod } from '../../injector/inject-pod.ts'
import { applyPatch, type Json } from '../../injector/json-patch.ts'
import { loadSettings } from '../../injector/load-settings.ts'
import { defaultSettings, type InjectorSettings } from '../../injector/settings.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { getObject, textAt } from '../cluster/objects.ts'
import { meshNamespaces } from './mesh-namespaces.ts'
import { failed, ok, unknown, type Check } from './finding.ts'

/** An application that meets `restricted`: what is refused then is for the sake of what was injected. */
const POD: Json = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'weft-check-' },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'check',
        image: 'check',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
}

/** Asks for an injected pod in each namespace of the mesh, as a dry run: the API server and its policies decide. */
export const podSecurity: Check = {
  name: 'Pod Security',
  async run(session) {
    const namespaces = await meshNamespaces(session)
    if (namespaces.length === 0) return [ok(`no namespace is labelled ${INJECT_LABEL}: enabled yet`)]
    const injection = injectPod(POD, { name: 'default' }, await installedSettings(session))
    const body = applyPatch(POD, injection.patch)
    const findings = []
    for (const { name } of namespaces) {
      const path = `/api/v1/namespaces/${name}/pods`
      try {
        await session.connection.request({ method: 'POST', path, query: { dryRun: 'All' }, body })
        findings.push(ok(`namespace ${name} takes pods with a sidecar`))
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.status === 0) throw error
        // RBAC and admission both answer 403; only RBAC's says that somebody "cannot create".
        findings.push(
          error.status === 403 && !/cannot create resource/.test(error.message)
            ? failed(`namespace ${name} refuses them: ${saidBy(error)}`)
            : unknown(`namespace ${name}: ${error.message}`),
        )
      }
    }
    return findings
  },
}

/**
 * Those of the injector that is installed: with a CNI plugin its pods ask for less. What cannot be read, or is not installed
 * yet, is as the chart has it.
 */
async function installedSettings({ connection, system }: ClusterSession): Promise<InjectorSettings> {
  const { version } = packageJson
  try {
    const found = await getObject(connection, `/api/v1/namespaces/${system}/configmaps/${INJECTOR}`)
    const text = textAt(found?.body, 'data', 'settings.yaml')
    return text === '' ? defaultSettings(version) : loadSettings(text, version)
  } catch {
    return defaultSettings(version)
  }
}

/** Without the RBAC rule that the client advises: none would help. */
function saidBy({ message }: KubernetesError): string {
  return message.replace(/^.*?: 403 \w+: /, '').replace(/; grant verb .*$/, '')
}
