import type { ObservedView } from '../../../control-plane/serve/telemetry/observed-view.ts'
import { suggestPolicies } from '../../../cli/policy/suggest/suggest.ts'
import { suggestionsText } from '../../../cli/policy/suggest/suggestion-text.ts'
import {
  eventually,
  failuresOf,
  load,
  onePod,
  type DemoCluster,
  type PodInfo,
  type Step,
} from '../scenario.ts'

const PATIENCE_SECONDS = 30
/** What the application asks of itself on the way of one request. */
const CALLS = [
  ['client', 'web'],
  ['web', 'catalog'],
  ['catalog', 'inventory'],
] as const
const PAGE = ['--url', 'http://web:8080/stocked/{n}', '--count', '60']
/** A tenth of the inventory's answers is an error; most of them are tried again. */
const MOST_FAILED = 5
const STOCK = ['--url', 'http://inventory:8080/stock/1', '--count', '3']

export const policy: Step<DemoCluster> = {
  name: 'policy',
  expected:
    'shop is closed and what was seen is allowed: every request works, a pod of shop that nobody saw call is refused, and told why',
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const intruder = await onePod(cluster, 'shop', 'intruder')
    const before = await load(cluster, client, ...PAGE)
    if (before.failed > MOST_FAILED)
      throw new Error(`requests fail before anything is closed: ${failuresOf(before)}`)
    const view = await eventually(PATIENCE_SECONDS, 'sidecars tell who calls whom', () => seenCalls(cluster))
    const suggestions = suggestPolicies(view, { namespace: 'shop' })
    const policies = suggestions.flatMap((one) => one.policies)
    const open = await cluster.change(
      'policy.yaml',
      (text) => `${text.replaceAll(/^#(?!#)/gm, '')}---\n${suggestionsText(view, suggestions)}`,
    )
    try {
      const reference = await eventually(PATIENCE_SECONDS, 'shop is closed', () =>
        refusedAt(cluster, intruder),
      )
      const refused = await load(cluster, intruder, ...STOCK)
      const after = await load(cluster, client, ...PAGE)
      const why = await eventually(PATIENCE_SECONDS, 'the refusal is told', async () => {
        const { code, stdout } = await cluster.weft('why', reference)
        return code === 0 ? stdout : undefined
      })
      const works = after.statuses['403'] === undefined && after.failed <= MOST_FAILED
      const explained =
        why.includes('sa/intruder') &&
        /comes nearest[^]*caller is \S+sa\/intruder, the rule asks for \S+/.test(why)
      return {
        ok: works && refused.statuses['403'] === 3 && explained,
        observed: [
          `${policies.length} policies suggested from ${view.workloads.length} workloads`,
          `then ${failuresOf(after)}`,
          `the intruder got ${Object.entries(refused.statuses)
            .map(([status, count]) => `${count} × ${status}`)
            .join(', ')}`,
          `weft why: ${explained ? (/ {4}(caller is .*)/.exec(why)?.[1] ?? '') : `NOT explained: ${why}`}`,
        ].join('; '),
      }
    } finally {
      await open()
    }
  },
}

/** Once each of the application's own calls was told. */
async function seenCalls(cluster: DemoCluster): Promise<ObservedView | undefined> {
  const view = (await cluster.api('/api/authorization/observed?namespace=shop')) as ObservedView
  const told = CALLS.every(([caller, called]) =>
    view.workloads.some(
      ({ name, calls }) =>
        name.startsWith(called) && calls.some(({ source }) => source.endsWith(`/ns/shop/sa/${caller}`)),
    ),
  )
  return told ? view : undefined
}

/** The reference that it is given once it is refused. */
async function refusedAt(cluster: DemoCluster, pod: PodInfo): Promise<string | undefined> {
  const { samples } = await load(cluster, pod, ...STOCK)
  return samples
    .map(({ status, text }) => (status === 403 ? /[0-9a-f]{32}/.exec(text)?.[0] : undefined))
    .find(Boolean)
}
