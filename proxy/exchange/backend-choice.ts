import type { ForwardAction, WeightedCluster } from '../model/route.ts'
import type { ExchangeDependencies } from './dependencies.ts'

type Choosing = Pick<ExchangeDependencies, 'clusters' | 'picks' | 'random'>
type Clusters = Pick<ExchangeDependencies['clusters'], 'get'>

const NONE: readonly never[] = []

/**
 * The cluster that a request goes to, by the weights of its route. Where the route asks for failover, one without a
 * usable endpoint gives its share to the others, by their weights; a cluster that is not known yet may have one.
 */
export function chooseBackend(deps: Choosing, action: ForwardAction): WeightedCluster | undefined {
  const chosen = action.clusters[deps.picks.next(action)]
  if (!action.failover || !chosen) return chosen
  return drawn(deps, standIns(deps.clusters, action, chosen)) ?? chosen
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
  return drawn(deps, others(deps.clusters, action, left, lastResort))
}

/** Of `action.clusters`, in their order: the share of its requests that each gets, 0 to 1, as `chooseBackend` gives them now. */
export function backendShares(clusters: Clusters, action: ForwardAction): readonly number[] {
  const all = action.clusters
  const total = all.reduce((sum, { weight }) => sum + weight, 0)
  const shares = all.map(() => 0)
  for (const [index, one] of all.entries()) {
    // As WeightedPicks has it, one alone takes whatever comes.
    const share = all.length === 1 ? 1 : total > 0 ? one.weight / total : 0
    const instead = share > 0 && action.failover ? standIns(clusters, action, one) : NONE
    const sum = instead.reduce((all, { weight }) => all + weight, 0)
    if (instead.length === 0) (shares[index] as number) += share
    for (const other of instead) (shares[all.indexOf(other)] as number) += (share * other.weight) / sum
  }
  return shares
}

/** Those that have the share of a backend; none: it keeps that. */
function standIns(
  clusters: Clusters,
  action: ForwardAction,
  chosen: WeightedCluster,
): readonly WeightedCluster[] {
  if (chosen.cluster === '') return NONE
  const { best } = clusters.get(chosen.cluster)
  if (best === undefined || best === 'use') return NONE
  return others(clusters, action, [chosen], best === 'avoid')
}

function others(
  clusters: Clusters,
  action: ForwardAction,
  left: readonly WeightedCluster[],
  lastResort: boolean,
): readonly WeightedCluster[] {
  const rest = action.clusters.filter((one) => one.weight > 0 && one.cluster !== '' && !left.includes(one))
  const best = rest.map(({ cluster }) => clusters.get(cluster).best ?? 'use')
  const good = rest.filter((_, i) => best[i] === 'use')
  return good.length > 0 || !lastResort ? good : rest.filter((_, i) => best[i] === 'last-resort')
}

function drawn(
  { random }: Pick<Choosing, 'random'>,
  among: readonly WeightedCluster[],
): WeightedCluster | undefined {
  if (among.length === 0) return undefined
  let left = random() * among.reduce((sum, { weight }) => sum + weight, 0)
  return among.find(({ weight }) => (left -= weight) < 0) ?? among.at(-1)
}
