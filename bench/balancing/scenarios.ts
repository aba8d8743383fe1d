import type { Scenario } from './replay.ts'
import type { Behaviour } from './server.ts'

const SOUND: Behaviour = { slowdown: 1, fails: false, stallMs: 0, untilStallMs: () => Infinity }

// Ten endpoints that take eight requests each at once, at about half of what they can: the mean of the work is 10 ms times
// e ^ (0.8 ^ 2 / 2), 14 ms, so ten of them do 5,800 requests a second.
const BED: Omit<Scenario, 'name' | 'behaviour'> = {
  endpoints: 10,
  callers: 4,
  workersOfEach: 8,
  requestsPerSecond: 2500,
  seconds: 60,
  medianMs: 10,
  sigma: 0.8,
}

const slow = (index: number): Partial<Behaviour> => (index === 0 ? { slowdown: 10 } : {})
const failing = (index: number): Partial<Behaviour> => (index === 1 ? { fails: true } : {})
/** Of each endpoint one in about 5 s, as collections of garbage are. */
const stalls = (random: () => number): Partial<Behaviour> => ({
  stallMs: 100,
  untilStallMs: () => -Math.log(1 - random()) * 5000,
})

/** Heavy tails in all of them. */
export const SCENARIOS: readonly Scenario[] = [
  { ...BED, name: 'no fault', behaviour: () => SOUND },
  { ...BED, name: 'one of ten 10 times slower', behaviour: (index) => ({ ...SOUND, ...slow(index) }) },
  { ...BED, name: 'one of ten fails at once', behaviour: (index) => ({ ...SOUND, ...failing(index) }) },
  { ...BED, name: 'stalls of 100 ms', behaviour: (_, random) => ({ ...SOUND, ...stalls(random) }) },
  {
    ...BED,
    name: 'all of these',
    behaviour: (index, random) => ({ ...SOUND, ...stalls(random), ...slow(index), ...failing(index) }),
  },
]
