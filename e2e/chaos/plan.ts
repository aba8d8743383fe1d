/**
 * What is done to the mesh. `cuts`: it ends what is in use at one replica, so that what had been sent may fail. After
 * all others nothing at all may.
 */
export const FAULTS = {
  'application killed': { cuts: true },
  'application restarted': { cuts: true },
  'sidecar killed': { cuts: true },
  'sidecar restarted': { cuts: true },
  'pod deleted': { cuts: true },
  partition: { cuts: true },
  'control plane killed': { cuts: false },
  'injector killed': { cuts: false },
  'route edited': { cuts: false },
  'scaled up and down': { cuts: true },
  'sidecar of a caller killed': { cuts: false },
} as const

export type FaultName = keyof typeof FAULTS

/** One fault of a storm. `on` and `amount` from 0 up to 1: on whom, and how long or how much. */
export interface Planned {
  readonly name: FaultName
  readonly on: number
  readonly amount: number
}

/** The faults of a seed, without end: every one once in a round, in an order of its own. The same seed, the same faults. */
export function* plan(seed: number): Generator<Planned, never> {
  const random = randomOf(seed)
  for (;;) {
    const round = Object.keys(FAULTS) as FaultName[]
    while (round.length > 0) {
      const [name] = round.splice(Math.floor(random() * round.length), 1)
      if (name !== undefined) yield { name, on: random(), amount: random() }
    }
  }
}

/** From 0 up to 1, by splitmix32: also neighbouring seeds begin differently. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e37_79b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0_aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a_2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}
