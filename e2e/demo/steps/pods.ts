import { eventually, failuresOf, load, onePod, type Step } from '../scenario.ts'

export const pods: Step = {
  name: 'pods',
  expected: 'a pod is replaced under load by one with another address: no request fails',
  async run(cluster) {
    const client = await onePod(cluster, 'shop', 'client')
    const before = await cluster.pods('shop', 'catalog')
    const running = load(
      cluster,
      client,
      '--url',
      'http://catalog:8080/items/{n}',
      '--seconds',
      '8',
      '--rate',
      '200',
    )
    await new Promise((resolve) => setTimeout(resolve, 1000))
    // Of v1, which has two: the one pod of v2 leaves its weight to nobody while it is replaced.
    const victim = before.find((pod) => pod.name.startsWith('catalog-v1-'))
    if (!victim) throw new Error('no pod of catalog-v1 is ready')
    await cluster.deletePod(victim)
    const fresh = await eventually(20, 'the new pod', async () => {
      const now = await cluster.pods('shop', 'catalog')
      return now.find((pod) => !before.some((old) => old.address === pod.address))
    })
    const under = await running
    return {
      ok: under.failed === 0,
      observed: `${victim.name} (${victim.address}) left, ${fresh.name} (${fresh.address}) came; ${failuresOf(under)}`,
    }
  },
}
