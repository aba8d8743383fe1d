import { onePod, type Step } from '../scenario.ts'

export const inject: Step = {
  name: 'inject',
  expected: 'pods of shop run with weft-init and weft-proxy, pods of legacy without',
  async run(cluster) {
    const lacking: string[] = []
    let shop = 0
    for (const app of ['web', 'catalog', 'inventory', 'client']) {
      for (const pod of await cluster.pods('shop', app)) {
        shop++
        if (!pod.containers.includes('weft-proxy') || !pod.containers.includes('weft-init'))
          lacking.push(pod.name)
      }
    }
    const legacy = await onePod(cluster, 'legacy', 'client')
    const clean = !legacy.containers.some((name) => name.startsWith('weft-'))
    const ok = shop >= 8 && lacking.length === 0 && clean
    return {
      ok,
      observed: `${shop} pods of shop with a sidecar${lacking.length > 0 ? `, lacking in ${lacking.join(', ')}` : ''}; legacy ${clean ? 'without' : 'with one'}`,
    }
  },
}
