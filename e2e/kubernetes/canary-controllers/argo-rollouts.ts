import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import type { Controller } from './controller.ts'
import { ROLLOUTS, ROLLOUTS_MANIFEST } from './programs.ts'
import { releasesOf } from './releases.ts'

const EXAMPLE = join(import.meta.dirname, '../../../examples/argo-rollouts')
const NAMESPACE = 'argo-rollouts'
const IMAGE = 'weft.local/argo-rollouts:1'
const PLUGIN = '/plugins/gateway-api'
/** As the Dockerfile of Argo Rollouts has it. */
const USER = '999'

/** The plugin, and what it may do: the rules of the controller know nothing of Gateway API. */
const SETTINGS = `
apiVersion: v1
kind: ConfigMap
metadata: { name: argo-rollouts-config, namespace: ${NAMESPACE} }
data:
  trafficRouterPlugins: |
    - name: argoproj-labs/gatewayAPI
      location: file://${PLUGIN}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: argo-rollouts-gateway-api }
rules:
  - { apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [get, update] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: argo-rollouts-gateway-api }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: argo-rollouts-gateway-api }
subjects: [{ kind: ServiceAccount, name: argo-rollouts, namespace: ${NAMESPACE} }]
`

export const argoRollouts: Controller = {
  name: 'argo-rollouts',
  version: ROLLOUTS,
  part: 'argo-rollouts',
  async install(cluster, folder) {
    const program = '/bin/rollouts-controller'
    await cluster.loadImages({
      [IMAGE]: {
        layers: [
          {
            [program]: { from: join(folder, 'rollouts-controller') },
            [PLUGIN]: { from: join(folder, 'gateway-api') },
          },
        ],
        entrypoint: [program],
        user: USER,
        // The controller keeps plugins below its working directory, where its manifest has a volume for them.
        workingDirectory: '/home/argo-rollouts',
      },
    })
    const manifest = readFileSync(join(folder, ROLLOUTS_MANIFEST), 'utf8').replace(
      /^( +- image: )\S+\/argo-rollouts:\S+\n +imagePullPolicy: Always$/m,
      `$1${IMAGE}`,
    )
    await cluster.kubectl(['create', 'namespace', NAMESPACE])
    // The manifest has the ConfigMap, too, empty: what another manager put into it stays.
    const apply = ['apply', '--server-side', '--namespace', NAMESPACE, '--filename', '-', '--field-manager']
    await cluster.kubectl([...apply, 'weft-settings'], { stdin: SETTINGS })
    await cluster.kubectl([...apply, 'argo-rollouts'], { stdin: manifest })
    await cluster.kubectl([
      ...['rollout', 'status', '--namespace', NAMESPACE, 'deployment/argo-rollouts', '--timeout=120s'],
    ])
    await cluster.kubectl(['apply', '--filename', EXAMPLE])
  },
  steps: releasesOf({
    namespace: 'rollouts-demo',
    async begin(cluster, { VERSION, FAIL_SHARE }) {
      const patch = [VERSION, FAIL_SHARE].map((value, at) => ({
        op: 'replace',
        path: `/spec/template/spec/containers/0/env/${at}/value`,
        value,
      }))
      await cluster.kubectl([
        ...['--namespace=rollouts-demo', 'patch', 'rollout/hello', '--type=json'],
        `--patch=${JSON.stringify(patch)}`,
      ])
    },
    ready: (cluster) => untilPhase(cluster, 'Healthy'),
    async promoted(cluster) {
      await untilPhase(cluster, 'Progressing')
      await untilPhase(cluster, 'Healthy')
    },
    takenBack: (cluster) => untilPhase(cluster, 'Degraded'),
  }),
}

async function untilPhase(cluster: KubernetesCluster, phase: string): Promise<void> {
  await cluster.kubectl([
    ...['wait', 'rollout/hello', '--namespace=rollouts-demo', '--timeout=300s'],
    `--for=jsonpath={.status.phase}=${phase}`,
  ])
}
