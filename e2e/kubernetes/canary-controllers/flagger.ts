import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { openHelm } from '../chart/helm.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import type { Controller } from './controller.ts'
import { FLAGGER, FLAGGER_CHART } from './programs.ts'
import { releasesOf } from './releases.ts'

const EXAMPLE = join(import.meta.dirname, '../../../examples/flagger')
const NAMESPACE = 'flagger-system'
const IMAGE = 'weft.local/flagger'
const TAG = '1'
const PROMETHEUS = 'http://prometheus.monitoring:9090'

/** What is changed of the chart's. */
interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: { livenessProbe?: object; readinessProbe?: object }[] }
    }
  }
}

export const flagger: Controller = {
  name: 'flagger',
  version: FLAGGER,
  part: 'flagger',
  async install(cluster, folder, progress) {
    await cluster.loadImages({
      [`${IMAGE}:${TAG}`]: {
        layers: [{ '/flagger': { from: join(folder, 'flagger') } }],
        workingDirectory: '/',
      },
    })
    const helm = await openHelm(progress, cluster.kubeconfig)
    try {
      const values = {
        image: { repository: IMAGE, tag: TAG },
        meshProvider: 'gatewayapi:v1',
        metricsServer: PROMETHEUS,
        crd: { create: true },
      }
      const chart = join(folder, FLAGGER_CHART)
      const text = await helm.run(['template', 'flagger', chart, '--namespace', NAMESPACE], values)
      await cluster.kubectl(['create', 'namespace', NAMESPACE])
      await cluster.kubectl(['apply', '--server-side', '--namespace', NAMESPACE, '--filename', '-'], {
        stdin: withoutWget(text),
      })
    } finally {
      helm.close()
    }
    await cluster.kubectl([
      'rollout',
      'status',
      '--namespace',
      NAMESPACE,
      'deployment/flagger',
      '--timeout=120s',
    ])
    await cluster.kubectl([
      'wait',
      '--for=condition=Established',
      'crd/canaries.flagger.app',
      '--timeout=60s',
    ])
    await cluster.kubectl(['apply', '--filename', EXAMPLE])
  },
  steps: releasesOf({
    namespace: 'flagger-demo',
    async begin(cluster, variables) {
      const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
      await cluster.kubectl(['--namespace=flagger-demo', 'set', 'env', 'deployment/hello', ...set])
    },
    ready: (cluster) => untilPhase(cluster, 'Initialized'),
    promoted: (cluster) => untilPhase(cluster, 'Succeeded'),
    takenBack: (cluster) => untilPhase(cluster, 'Failed'),
  }),
}

/** The chart's probes run wget, which an image of one program has not. */
function withoutWget(text: string): string {
  return text.split(/^---$/m).map(probedByHttp).join('\n---\n')
}

function probedByHttp(document: string): string {
  // The others stay text: the CRDs are no YAML to a parser that is strict.
  if (!/^kind: Deployment$/m.test(document)) return document
  const deployment = parse(document) as Deployment
  const probe = { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 2 }
  for (const container of deployment.spec.template.spec.containers) {
    container.livenessProbe = probe
    container.readinessProbe = probe
  }
  return stringify(deployment)
}

async function untilPhase(cluster: KubernetesCluster, phase: string): Promise<void> {
  await cluster.kubectl([
    ...['wait', 'canary.flagger.app/hello', '--namespace=flagger-demo', '--timeout=300s'],
    `--for=jsonpath={.status.phase}=${phase}`,
  ])
}
