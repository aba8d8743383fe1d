import { eventually, type MeshCluster } from '../../../demo/scenario.ts'
import type { KubernetesStep } from '../step.ts'

interface ProxyView {
  readonly node: string
  readonly pod: string
  readonly namespace: string
  readonly service: string
  readonly rejected: string
}

const APPS = ['web', 'catalog', 'inventory', 'client']

/** Every sidecar of the shop that has a stream of one of the control planes; waits until all have one. */
export async function streams(mesh: MeshCluster): Promise<ProxyView[]> {
  return eventually(60, 'a stream of each sidecar', async () => {
    const pods = (await Promise.all(APPS.map((app) => mesh.pods('shop', app)))).flat()
    const { proxies } = (await mesh.api('/api/proxies')) as { proxies: ProxyView[] }
    return pods.every(({ name }) => proxies.some(({ pod }) => pod === name)) ? proxies : undefined
  })
}

export const dashboard: KubernetesStep = {
  name: 'dashboard',
  expected:
    "the control planes' REST shows every sidecar with a stream by its service's name, the route with its split, and no problem",
  async run(mesh) {
    const proxies = await streams(mesh)
    const names = [...new Set(proxies.map(({ service, namespace }) => `${service}.${namespace}`))].sort()
    const named = APPS.every((app) => names.includes(`${app}.shop`)) && names.length === APPS.length
    const rejected = proxies.filter((one) => one.rejected !== '')
    const { routes } = (await mesh.api('/api/routes')) as { routes: unknown[] }
    const { problems: wrong } = (await mesh.api('/api/problems')) as { problems: unknown[] }
    const split = routes.some((route) => /catalog-v1.*catalog-v2/.test(JSON.stringify(route)))
    return {
      ok: rejected.length === 0 && named && split && wrong.length === 0,
      observed: `${proxies.length} sidecars of ${names.join(', ')}, ${rejected.length} refused a push; the route of catalog ${split ? 'with' : 'WITHOUT'} its split; ${wrong.length} problems${wrong.length > 0 ? ` ${JSON.stringify(wrong)}` : ''}`,
    }
  },
}
