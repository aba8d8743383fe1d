import {
  eventually,
  failuresOf,
  load,
  onePod,
  type LoadReport,
  type MeshCluster,
  type PodInfo,
  type Step,
} from '../scenario.ts'

const REQUESTS = 3000

/** What the mesh answers, and connections that break, are no failures that the step made. */
const BY_THE_APPLICATION = '503 by the application'

const percentOf = ({ failed, sent }: LoadReport): number => (100 * failed) / sent

async function reads(cluster: MeshCluster, client: PodInfo, count: number): Promise<LoadReport> {
  return load(
    cluster,
    client,
    '--url',
    'http://inventory:8080/stock/{n}',
    '--count',
    String(count),
    '--concurrency',
    '16',
  )
}

export const retry: Step = {
  name: 'retry',
  expected: 'with the retry rule under 0.1 % fail, without it about 10 %; no POST is sent twice',
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const withRule = await reads(cluster, client, REQUESTS)
    const writes = await load(
      cluster,
      client,
      '--url',
      'http://inventory:8080/reserve/{n}',
      '--method',
      'POST',
      '--count',
      '500',
    )
    let repeated = 0
    let entries = 0
    for (const pod of await cluster.pods('shop', 'inventory')) {
      // Until one answers 200 by chance: the ledger's own page does not fail.
      const { stdout } = await cluster.exec(pod, ['node', '-e', LEDGER])
      const ledger = JSON.parse(stdout) as { entries: number; repeated: number }
      repeated += ledger.repeated
      entries += ledger.entries
    }

    const restore = await cluster.change('inventory-route.yaml', (text) => text.replace(/^ *retry:.*\n/m, ''))
    let without: LoadReport
    try {
      without = await eventually(5, 'the rule without retries', async () => {
        const report = await reads(cluster, client, 1000)
        return percentOf(report) > 3 ? report : undefined
      })
    } finally {
      await restore()
    }
    // Two pods: the same write in both ledgers would show as more entries than writes.
    const once = repeated === 0 && entries <= writes.sent
    const others = [withRule, without].some((report) =>
      Object.keys(report.failures).some((failure) => failure !== BY_THE_APPLICATION),
    )
    return {
      ok: percentOf(withRule) < 0.1 && Math.abs(percentOf(without) - 10) < 4 && once && !others,
      observed: `with the rule ${failuresOf(withRule)}; without it ${failuresOf(without)}; ${writes.sent} writes, ${entries} in the ledgers, ${repeated} repeated`,
    }
  },
}

const LEDGER = `fetch('http://127.0.0.1:8080/ledger').then((r) => r.text()).then((text) => console.log(text))`
