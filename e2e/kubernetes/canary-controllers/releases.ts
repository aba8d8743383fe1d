import type { Step } from '../../demo/scenario.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'
import { answersOf, summary, untilAll } from './answers.ts'
import { RouteWeights } from './route-weights.ts'

/** What the samples' program takes from its environment. */
export interface Variables {
  readonly VERSION: string
  readonly FAIL_SHARE: string
}

/** A sample of examples/, and how its controller is asked. */
export interface Sample {
  readonly namespace: string
  /** Changes the variables of the sample's pods, which begins a release. */
  begin(cluster: KubernetesCluster, variables: Variables): Promise<void>
  /** Resolves when the controller says that the first version serves, the release was promoted, or was taken back. */
  ready(cluster: KubernetesCluster): Promise<void>
  promoted(cluster: KubernetesCluster): Promise<void>
  takenBack(cluster: KubernetesCluster): Promise<void>
}

/** Per cent of the canary as the samples have them. */
const FIRST = 25
const SECOND = 50
/** Of the version that must not get through. */
const FAIL_SHARE = '0.3'

/** The steps that a controller goes through: a first version, one that is promoted, one that is taken back. */
export function releasesOf(sample: Sample): readonly Step<KubernetesCluster>[] {
  const { namespace } = sample
  return [
    {
      name: 'install',
      expected: 'the route is accepted, v1 gives every answer',
      async run(cluster) {
        await sample.ready(cluster)
        await cluster.kubectl([
          ...['wait', 'httproute/hello', '--namespace', namespace, '--timeout=60s'],
          '--for=jsonpath={.status.parents[0].conditions[?(@.type=="Accepted")].status}=True',
        ])
        await untilAll(cluster, namespace, 'v1')
        return { ok: true, observed: summary((await answersOf(cluster, namespace)).slice(-1)).text }
      },
    },
    {
      name: 'promote',
      expected: `v2 gets ${FIRST} %, then ${SECOND} %, then everything; no request fails`,
      async run(cluster) {
        const { weights, text, counts, failed } = await release(cluster, sample, 'v2', async () => {
          await sample.begin(cluster, { VERSION: 'v2', FAIL_SHARE: '0' })
          await sample.promoted(cluster)
        })
        const went = weights.indexOf(SECOND) > weights.indexOf(FIRST) && weights.includes(FIRST)
        const both = (counts['v1'] ?? 0) > 0 && (counts['v2'] ?? 0) > 0
        return { ok: went && both && failed === 0, observed: `weights ${weights.join(', ')}; ${text}` }
      },
    },
    {
      name: 'roll back',
      expected: `v3, which fails three of ten requests, gets ${FIRST} %, then nothing; v2 stays`,
      async run(cluster) {
        const { weights, text, failed } = await release(cluster, sample, 'v2', async () => {
          await sample.begin(cluster, { VERSION: 'v3', FAIL_SHARE })
          await sample.takenBack(cluster)
        })
        const ok = weights.includes(FIRST) && !weights.includes(SECOND) && weights.at(-1) === 0 && failed > 0
        return { ok, observed: `weights ${weights.join(', ')}; ${text}` }
      },
    },
  ]
}

/** What comes of a release, until `last` gives every answer again. */
async function release(
  cluster: KubernetesCluster,
  { namespace }: Sample,
  last: string,
  play: () => Promise<void>,
) {
  const before = (await answersOf(cluster, namespace)).length
  const weights = new RouteWeights(cluster, namespace, 'hello')
  try {
    await play()
    await untilAll(cluster, namespace, last)
  } finally {
    await weights.stop()
  }
  return { weights: weights.seen, ...summary((await answersOf(cluster, namespace)).slice(before)) }
}
