import { eventually, failuresOf, load, onePod, type DemoCluster, type Step } from '../scenario.ts'

export const outage: Step<DemoCluster> = {
  name: 'outage',
  expected:
    'the control plane is killed under load: no request fails, a restarted sidecar serves, then all converge',
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const control = await onePod(cluster, 'weft-system', 'weft-control-plane')
    const web = await onePod(cluster, 'shop', 'web')
    // Sidecars learn destinations when they are first asked for: this one has to know the catalog.
    await load(cluster, web, '--url', 'http://catalog:8080/items/1', '--count', '1')
    const running = load(
      cluster,
      client,
      '--url',
      'http://catalog:8080/items/{n}',
      '--seconds',
      '6',
      '--rate',
      '200',
    )
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await cluster.hold(control, 'control-plane')
    await cluster.kill(web, 'weft-proxy')
    const restarted = await eventually(10, 'an answer through the restarted sidecar', async () => {
      const report = await load(cluster, web, '--url', 'http://catalog:8080/items/1', '--count', '5')
      return report.failed === 0 ? report : undefined
    })
    const under = await running
    await cluster.release(control, 'control-plane')
    const proxies = await eventually(30, 'every sidecar connected again', async () => {
      try {
        const { proxies } = (await cluster.api('/api/mesh')) as { proxies: { connected: number } }
        return proxies.connected >= 8 ? proxies.connected : undefined
      } catch {
        return undefined
      }
    })
    return {
      ok: under.failed === 0 && restarted.failed === 0,
      observed: `${failuresOf(under)}; the restarted sidecar answered; ${proxies} sidecars connected afterwards`,
    }
  },
}
