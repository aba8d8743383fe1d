import {
  BUNDLE_CONFIG_MAP,
  CA_SECRET,
  CONTROL_PLANE,
  INJECTOR,
  LEADER_LEASE,
  TOKEN_KEYS_CONFIG_MAP,
  WEBHOOK_SECRET,
  INJECT_LABEL,
  INJECTED_LABEL,
} from '../../core/contract.ts'
import { CLUSTER_TRUST_BUNDLES } from '../../core/cluster-trust-bundle.ts'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import { runClusterCommand, type ClusterSession, type Outcome } from '../cluster/command.ts'
import { listAt, listObjects, textAt, type ClusterObject } from '../cluster/objects.ts'
import { UNINSTALL_COMMAND } from './commands.ts'

interface Step {
  readonly why: string
  readonly commands: readonly string[]
}

/** `weft uninstall`. Resolves to the exit code. */
export function runUninstall(argv: readonly string[]): Promise<number> {
  return runClusterCommand({ description: UNINSTALL_COMMAND, run: advise }, argv)
}

async function advise(session: ClusterSession): Promise<Outcome> {
  const { connection, system } = session
  const [namespaces, pods, bundles, trustBundles] = await Promise.all([
    listObjects(connection, '/api/v1/namespaces', { labelSelector: INJECT_LABEL }),
    listObjects(connection, '/api/v1/pods', { labelSelector: `${INJECTED_LABEL}=true` }),
    listObjects(connection, '/api/v1/configmaps', { fieldSelector: `metadata.name=${BUNDLE_CONFIG_MAP}` }),
    clusterTrustBundles(connection),
  ])
  const workloads = new Set(pods.map(workloadOf))
  const others = bundles.filter(({ namespace }) => namespace !== system).map(({ namespace }) => namespace)
  const steps: Step[] = [
    {
      why: 'No new pod gets a sidecar. A STRICT policy would refuse pods without one, and a Canary would wait for its requests: they go first.',
      commands: [
        'kubectl delete canaries.weft.dev,peerauthentications.weft.dev --all --all-namespaces',
        ...namespaces.map(({ name }) => `kubectl label namespace ${name} ${INJECT_LABEL}-`),
      ],
    },
    {
      why: 'Pods that run are replaced by such without a sidecar.',
      commands: [...workloads].sort(),
    },
    {
      why: 'The webhook goes before what answers it: it would refuse pods meanwhile.',
      commands: [
        `kubectl delete mutatingwebhookconfiguration ${INJECTOR} --ignore-not-found`,
        `helm uninstall weft --namespace ${system}   # or: kubectl delete -f weft.yaml`,
      ],
    },
    {
      why: "What Weft made by itself. With the CA's Secret goes the mesh's identity: keep a copy to come back with it.",
      commands: [
        `kubectl delete secret --namespace ${system} ${CA_SECRET} ${WEBHOOK_SECRET} --ignore-not-found`,
        `kubectl delete lease --namespace ${system} ${LEADER_LEASE} --ignore-not-found`,
        ...[system, ...others].map(
          (name) => `kubectl delete configmap --namespace ${name} ${BUNDLE_CONFIG_MAP} --ignore-not-found`,
        ),
        `kubectl delete configmap --namespace ${system} ${TOKEN_KEYS_CONFIG_MAP} --ignore-not-found`,
        ...trustBundles.map((name) => `kubectl delete clustertrustbundle ${name} --ignore-not-found`),
        'kubectl delete customresourcedefinition authorizationpolicies.weft.dev canaries.weft.dev identityrevocations.weft.dev meshpolicies.weft.dev peerauthentications.weft.dev requestauthentications.weft.dev trafficpolicies.weft.dev --ignore-not-found',
        `kubectl delete namespace ${system}`,
      ],
    },
  ].filter(({ commands }) => commands.length > 0)
  const text = steps.map(({ why, commands }) => `# ${why}\n${commands.join('\n')}\n`).join('\n')
  return { text, json: { steps }, good: true }
}

/** Names of those that the control plane wrote; none where none are served. */
async function clusterTrustBundles(connection: ClusterSession['connection']): Promise<readonly string[]> {
  const labelSelector = `app.kubernetes.io/managed-by=${CONTROL_PLANE}`
  for (const { path } of CLUSTER_TRUST_BUNDLES) {
    try {
      return (await listObjects(connection, path, { labelSelector })).map(({ name }) => name)
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 404) throw error
    }
  }
  return []
}

/** The command that replaces a pod; of a pod without a workload only its owner knows how it is made again. */
function workloadOf({ namespace, name, body }: ClusterObject): string {
  const [owner] = listAt(body, 'metadata', 'ownerReferences')
  const kind = textAt(owner, 'kind')
  const ownerName = textAt(owner, 'name')
  if (kind === 'StatefulSet' || kind === 'DaemonSet')
    return `kubectl rollout restart --namespace ${namespace} ${kind.toLowerCase()}/${ownerName}`
  // A Deployment's ReplicaSet has its name and a hash.
  if (kind === 'ReplicaSet' && ownerName.includes('-'))
    return `kubectl rollout restart --namespace ${namespace} deployment/${ownerName.replace(/-[^-]+$/, '')}`
  return `kubectl delete pod --namespace ${namespace} ${name}   # ${kind === '' ? 'by itself' : `of ${kind} ${ownerName}`}: make it again`
}
