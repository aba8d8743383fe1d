import type { CanaryView } from '../../../control-plane/canary/view.ts'
import { eventually, load, onePod, type MeshCluster, type PodInfo, type Step } from '../scenario.ts'

const PATIENCE_SECONDS = 60
/** From when there was enough evidence until the last request that the worse version had. */
const BACK_WITHIN_SECONDS = 10
// Half a second an answer: so slow a service is slow by itself, however busy the machine is.
const LOAD = ['--url', 'http://catalog:8080/prices/{n}', '--rate', '150', '--concurrency', '192']

interface Traffic {
  readonly sent: number
  readonly failed: number
  /** When the last request was sent that v2 answered. Milliseconds since the epoch. */
  readonly lastOfV2: number
}

/** What becomes of v2's manifest, and where its Canary must end. */
interface Release {
  readonly name: string
  readonly edit: ((text: string) => string) | undefined
  readonly ends: 'Succeeded' | 'RolledBack'
}

const RELEASES: readonly Release[] = [
  { name: 'the good one', edit: undefined, ends: 'Succeeded' },
  {
    name: 'that with 5 % more errors',
    edit: (text) => text.replace("FAIL_SHARE, value: '0'", "FAIL_SHARE, value: '0.05'"),
    ends: 'RolledBack',
  },
  {
    name: 'that with p99 doubled',
    edit: (text) => text.replace("SLOWNESS, value: '1'", "SLOWNESS, value: '2'"),
    ends: 'RolledBack',
  },
]

export const promote: Step = {
  name: 'promote',
  expected: `by itself a good version reaches 100 %; one with 5 % more errors and one with p99 doubled are back at 0 within ${BACK_WITHIN_SECONDS} s of enough evidence`,
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const begin = await cluster.change('catalog-canary.yaml', (text) => text.replaceAll(/^#(?!#)/gm, ''))
    const seen: string[] = []
    let ok = true
    try {
      let revision = ''
      for (const release of RELEASES) {
        const { canary, seconds, traffic } = await play(cluster, client, release, revision)
        revision = canary.revision
        const weight = release.ends === 'Succeeded' ? 100 : 0
        const right = canary.phase === release.ends && canary.weight === weight
        const back = Math.max(0, (traffic.lastOfV2 - Date.parse(canary.history.at(-1)?.at ?? '')) / 1000)
        ok &&= right && (weight === 100 || back <= BACK_WITHIN_SECONDS)
        const share = ((100 * traffic.failed) / Math.max(traffic.sent, 1)).toFixed(2)
        const last = weight === 100 ? '' : `, its last request ${back.toFixed(1)} s later`
        seen.push(
          `${release.name} was at ${canary.weight} % after ${seconds.toFixed(1)} s (${right ? canary.reason : canary.message})${last}; ` +
            `${share} % of ${traffic.sent} requests failed`,
        )
      }
    } finally {
      await begin()
    }
    return { ok, observed: seen.join('; ') }
  },
}

/** One version, with traffic until its Canary has ended. */
async function play(
  cluster: MeshCluster,
  client: PodInfo,
  { edit, name }: Release,
  before: string,
): Promise<{ canary: CanaryView; seconds: number; traffic: Traffic }> {
  const restore = edit && (await cluster.change('catalog.yaml', edit))
  try {
    const begun = await eventually(PATIENCE_SECONDS, `the Canary begins with ${name}`, async () => {
      const canary = await catalogOf(cluster)
      return canary && canary.revision !== before && canary.phase === 'Progressing' ? canary : undefined
    })
    const ended = new AbortController()
    const traffic = drive(cluster, client, ended.signal)
    try {
      const canary = await eventually(PATIENCE_SECONDS, `the Canary ends with ${name}`, async () => {
        const now = await catalogOf(cluster)
        return now?.phase === 'Succeeded' || now?.phase === 'RolledBack' ? now : undefined
      })
      const seconds =
        (Date.parse(canary.history.at(-1)?.at ?? '') - Date.parse(begun.history.at(-1)?.at ?? '')) / 1000
      ended.abort()
      return { canary, seconds, traffic: await traffic }
    } finally {
      ended.abort()
    }
  } finally {
    await restore?.()
  }
}

async function catalogOf(cluster: MeshCluster): Promise<CanaryView | undefined> {
  const { canaries } = (await cluster.api('/api/canaries')) as { readonly canaries: readonly CanaryView[] }
  return canaries.find(({ name }) => name === 'catalog')
}

/** Three seconds at a time, until it is told to end. */
async function drive(cluster: MeshCluster, client: PodInfo, signal: AbortSignal): Promise<Traffic> {
  let [sent, failed, lastOfV2] = [0, 0, 0]
  while (!signal.aborted) {
    const report = await load(cluster, client, ...LOAD, '--seconds', '3', '--timeline')
    sent += report.sent
    failed += report.failed
    for (const [at, version] of report.timeline) if (version === 'v2') lastOfV2 = Math.max(lastOfV2, at)
  }
  return { sent, failed, lastOfV2 }
}
