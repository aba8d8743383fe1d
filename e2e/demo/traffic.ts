import type { LocalCluster } from '../../local/cluster.ts'

const HOUR_SECONDS = '3600'
const HOUR_MS = 3_700_000
const AGAIN_MS = 1000

const LOADS = [
  ['--url', 'http://web:8080/stocked/{n}', '--rate', '10', '--concurrency', '4'],
  ['--url', 'http://catalog:8080/items/{n}', '--rate', '20', '--concurrency', '4'],
]

/** Sends requests from the client's pod until the cluster ends, also after its pod was replaced. */
export function driveTraffic(cluster: LocalCluster): void {
  const ended = new AbortController()
  void cluster.closed.then(() => ended.abort())
  for (const load of LOADS) {
    const run = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        const argv = ['node', 'load.ts', ...load, '--seconds', HOUR_SECONDS]
        await cluster.exec('shop/client', argv, { timeoutMs: HOUR_MS }).catch(() => {})
        if (!ended.signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
    void run()
  }
}
