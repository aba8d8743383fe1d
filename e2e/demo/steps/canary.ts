import { failuresOf, load, onePod, type LoadReport, type Step } from '../scenario.ts'

const URL = 'http://catalog:8080/items/{n}'

function shareOfV2(report: Pick<LoadReport, 'versions'>): number {
  const v1 = report.versions['v1'] ?? 0
  const v2 = report.versions['v2'] ?? 0
  return (100 * v2) / Math.max(v1 + v2, 1)
}

export const canary = canaryWithin(1)

/** `seconds`: until the edit holds, from when it was accepted. */
export function canaryWithin(seconds: number): Step {
  return {
    name: 'canary',
    expected: `90/10 within 2 points over 2,000 requests; after the edit 50/50 within ${seconds} s; no request fails`,
    async run(cluster) {
      const client = await onePod(cluster, 'shop', 'client')
      const before = await load(cluster, client, '--url', URL, '--count', '2000', '--concurrency', '16')
      const first = shareOfV2(before)

      const running = load(cluster, client, '--url', URL, '--seconds', '5', '--rate', '200')
      await new Promise((resolve) => setTimeout(resolve, 2000))
      const restore = await cluster.change('catalog-route.yaml', (text) =>
        text.replace('weight: 90', 'weight: 50').replace('weight: 10', 'weight: 50'),
      )
      const editedAt = Date.now()
      // Begun after the edit, however long that took: so it has requests from then on.
      const after = await load(
        cluster,
        client,
        '--url',
        URL,
        '--seconds',
        String(seconds + 3),
        '--rate',
        '300',
        '--timeline',
      )
      const during = await running
      await restore()

      const versions: Record<string, number> = {}
      for (const [at, version] of after.timeline)
        if (at >= editedAt + seconds * 1000) versions[version] = (versions[version] ?? 0) + 1
      const second = shareOfV2({ versions })
      const failed = before.failed + during.failed + after.failed
      const ok = Math.abs(first - 10) <= 2 && Math.abs(second - 50) <= 2 && failed === 0
      return {
        ok,
        observed: `v2 had ${first.toFixed(1)} % of ${before.sent}, then ${second.toFixed(1)} % from ${seconds} s after the edit; ${failuresOf(before, during, after)}`,
      }
    },
  }
}
