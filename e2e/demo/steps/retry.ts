import { eventually, load, onePod, type MeshCluster, type PodInfo, type Step } from '../scenario.ts'

const REQUESTS = 3000

async function failures(cluster: MeshCluster, client: PodInfo, count: number): Promise<number> {
  const report = await load(
    cluster,
    client,
    '--url',
    'http://inventory:8080/stock/{n}',
    '--count',
    String(count),
    '--concurrency',
    '16',
  )
  return (100 * report.failed) / report.sent
}

export const retry: Step = {
  name: 'retry',
  expected: 'with the retry rule under 0.1 % fail, without it about 10 %; no POST is sent twice',
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const withRule = await failures(cluster, client, REQUESTS)
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
    let without = 0
    try {
      without = await eventually(5, 'the rule without retries', async () => {
        const percent = await failures(cluster, client, 1000)
        return percent > 3 ? percent : undefined
      })
    } finally {
      await restore()
    }
    // Two pods: the same write in both ledgers would show as more entries than writes.
    const once = repeated === 0 && entries <= writes.sent
    return {
      ok: withRule < 0.1 && Math.abs(without - 10) < 4 && once,
      observed: `${withRule.toFixed(2)} % fail with the rule, ${without.toFixed(1)} % without; ${writes.sent} writes, ${entries} in the ledgers, ${repeated} repeated`,
    }
  },
}

const LEDGER = `fetch('http://127.0.0.1:8080/ledger').then((r) => r.text()).then((text) => console.log(text))`
