import type { ForwardAction, WeightedCluster } from '../model/route.ts'
import type { ExchangeDependencies } from './dependencies.ts'

type Choosing = Pick<ExchangeDependencies, 'clusters' | 'picks' | 'random'>

/**
 * The cluster that a request goes to, by the weights of its route. Where the route asks for failover, one without a
 * usable endpoint gives its share to the others, by their weights; a cluster that is not known yet may have one.
 */
export function chooseBackend(deps: Choosing, action: ForwardAction): WeightedCluster | undefined {
  const chosen = action.clusters[deps.picks.next(action)]
  if (!action.failover || !chosen || chosen.cluster === '') return chosen
  const { best } = deps.clusters.get(chosen.cluster)
  if (best === undefined || best === 'use') return chosen
  return otherBackend(deps, action, [chosen], best === 'avoid') ?? chosen
}

/**
 * One that has an endpoint, of those that are not in `left` and have a weight: a usable one, or else, with `lastResort`,
 * one that is the last to be picked. Undefined: there is none.
 */
export function otherBackend(
  deps: Choosing,
  action: ForwardAction,
  left: readonly WeightedCluster[],
  lastResort: boolean,
): WeightedCluster | undefined {
  const others = action.clusters.filter((one) => one.weight > 0 && one.cluster !== '' && !left.includes(one))
  const best = others.map(({ cluster }) => deps.clusters.get(cluster).best ?? 'use')
  const good = others.filter((_, i) => best[i] === 'use')
  const among = good.length > 0 || !lastResort ? good : others.filter((_, i) => best[i] === 'last-resort')
  let drawn = deps.random() * among.reduce((sum, { weight }) => sum + weight, 0)
  return among.find(({ weight }) => (drawn -= weight) < 0) ?? among.at(-1)
}
