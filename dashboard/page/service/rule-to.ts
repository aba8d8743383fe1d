import type { Route } from '../ask/pages.ts'

/** `shop/catalog-v1/8080` as `catalog-v1.shop`. */
export function serviceOfCluster(cluster: string): string {
  const [namespace = '', name = cluster] = cluster.split('/')
  return `${name}.${namespace}`
}

/** The rule that leads most requests to a service as one of its backends; undefined where none does. */
export function ruleTo(
  routes: readonly Route[],
  id: string,
  of: (route: Route) => boolean,
): { readonly route: string; readonly cluster: string } | undefined {
  const [best] = routes
    .filter(of)
    .flatMap(({ name, rate, backends }) =>
      backends
        .filter(({ cluster }) => serviceOfCluster(cluster) === id)
        .map(({ cluster, percent }) => ({
          route: name,
          cluster,
          whole: backends.length === 1,
          rate,
          percent,
        })),
    )
    .sort((a, b) => Number(a.whole) - Number(b.whole) || b.rate - a.rate)
  return best && { route: best.route, cluster: best.cluster }
}
