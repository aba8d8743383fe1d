/** One priority of a cluster, as far as it decides on shares. */
export interface PriorityHealth {
  /** Endpoints in use. */
  readonly used: number
  /** All of them, without those that drain: these leave in good order. */
  readonly total: number
}

/** With so much more than enough in use, a priority takes all: Envoy's overprovisioning factor of 140 %. */
export const OVERPROVISIONING = 1.4

/**
 * Shares of the priorities, 0 to 100 each, and whether one is in panic: Envoy's rules (Priority levels, Panic threshold). The
 * first takes as much as 1.4 times its share in use allows, the next what is left. Where all of them together can't take all, they
 * share it by what they can, and those with less than `panicThresholdPercent` in use are in panic.
 */
export function priorityLoads(
  priorities: readonly PriorityHealth[],
  panicThresholdPercent: number,
): { readonly percent: number; readonly panic: boolean }[] {
  const able = priorities.map(({ used, total }) =>
    total === 0 ? 0 : Math.min(100, (100 * OVERPROVISIONING * used) / total),
  )
  const sum = able.reduce((all, one) => all + one, 0)
  let left = 100
  return priorities.map(({ used, total }, i) => {
    const wanted = sum >= 100 ? (able[i] as number) : sum === 0 ? 0 : ((able[i] as number) * 100) / sum
    const percent = Math.min(left, wanted)
    left -= percent
    return { percent, panic: sum < 100 && 100 * used < panicThresholdPercent * total }
  })
}
