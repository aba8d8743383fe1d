import { describeError } from '../../core/errors.ts'
import type { Bed, Path } from '../bed.ts'
import type { Case } from '../cases.ts'
import type { RunResult } from '../load/meter.ts'
import { turnOf, undisturbed, FIRST_WARM_UP_MS } from '../measure-case.ts'
import type { Peer } from '../peers/peer.ts'
import { median, rounded } from '../result.ts'
import { medianInterval, verdictOf, type Interval, type Verdict } from './interval.ts'

export interface Comparison {
  readonly case: string
  readonly connections: number
  /** Of this tree's CPU a request divided by the other's: above 1, this one is dearer. */
  readonly cpu: (Interval & { readonly verdict: Verdict }) | null
  /** The same of memory that is nobody else's. */
  readonly memory: (Interval & { readonly verdict: Verdict }) | null
  /** Microseconds a request, median of the rounds. */
  readonly cpu_us: readonly [now: number, before: number] | null
  /** KiB, of the larger of the proxies. */
  readonly private_kib: readonly [now: number, before: number] | null
  readonly rounds: number
  readonly error?: string
}

export interface Rounds {
  readonly rounds: number
  /** Measured of each version in each round, in turns. */
  readonly secondsEach: number
  /** By how much either may grow: 0.02 is two per cent. */
  readonly allowed: number
  readonly tell: (line: string) => void
}

/** Short, so that what else the machine does meets both versions. */
const TURN_MS = 250
const TURN_WARM_UP_MS = 50

interface Round {
  readonly cpu: readonly [now: number, before: number]
  readonly memory: readonly [now: number, before: number]
}

/**
 * Two versions of the proxy. Each round starts both anew: how a process compiles what it runs, and where its memory comes to lie, is
 * chance that lasts as long as the process, and made the same version up to a third dearer than itself. Within a round short turns
 * follow one another, now this one first, now the other. A round gives one ratio; the rounds give the interval.
 */
export async function compareCase(
  bed: Bed,
  what: Case,
  connections: number,
  [now, before]: readonly [Peer, Peer],
  { rounds, secondsEach, allowed, tell }: Rounds,
): Promise<Comparison> {
  const measured: Round[] = []
  try {
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? ([now, before] as const) : ([before, now] as const)
      const one = await measureRound(bed, what, connections, order, secondsEach)
      measured.push(round % 2 === 0 ? one : swapped(one))
      tell(`${what.name} ${connections}: round ${round + 1} of ${rounds}`)
    }
  } catch (error) {
    return { ...nothing(what.name, connections), error: describeError(error) }
  }
  const judged = (read: (round: Round) => readonly [number, number]) => {
    const interval = medianInterval(measured.map((round) => read(round)[0] / read(round)[1]))
    return { ...interval, verdict: verdictOf(interval, allowed) }
  }
  const both = (read: (round: Round) => readonly [number, number]): [number, number] => [
    rounded(median(measured.map((round) => read(round)[0]))),
    rounded(median(measured.map((round) => read(round)[1]))),
  ]
  const cpu = (round: Round) => round.cpu
  const memory = (round: Round) => round.memory
  return {
    case: what.name,
    connections,
    cpu: judged(cpu),
    memory: judged(memory),
    cpu_us: both(cpu),
    private_kib: both(memory),
    rounds,
  }
}

async function measureRound(
  bed: Bed,
  what: Case,
  connections: number,
  peers: readonly [Peer, Peer],
  secondsEach: number,
): Promise<Round> {
  const paths: Path[] = []
  try {
    for (const peer of peers) paths.push(await bed.start(peer, what.topology, what.origin))
    const [first, second] = paths as [Path, Path]
    const request = (path: Path) => turnOf(what, path, connections, bed.cores?.proxies)
    for (const path of paths) await bed.run({ ...request(path), warmupMs: 0, windowMs: FIRST_WARM_UP_MS })
    const results: [RunResult[], RunResult[]] = [[], []]
    const turn = async (path: Path, into: RunResult[]): Promise<void> => {
      into.push(await undisturbed(bed, { ...request(path), warmupMs: TURN_WARM_UP_MS, windowMs: TURN_MS }))
    }
    const turns = Math.max(2, Math.round((secondsEach * 1000) / TURN_MS))
    for (let at = 0; at < turns; at++) {
      if (at % 2 === 0) await turn(first, results[0])
      await turn(second, results[1])
      if (at % 2 === 1) await turn(first, results[0])
    }
    return { cpu: pair(results, costOf), memory: pair(results, memoryOf) }
  } finally {
    await Promise.all(paths.map((path) => path.stop()))
  }
}

function pair(
  [first, second]: readonly [readonly RunResult[], readonly RunResult[]],
  read: (results: readonly RunResult[]) => number,
): [number, number] {
  return [read(first), read(second)]
}

function costOf(results: readonly RunResult[]): number {
  return median(results.map(({ cpuMicroseconds, requests }) => cpuMicroseconds / requests))
}

function memoryOf(results: readonly RunResult[]): number {
  return median(results.map(({ memory }) => Math.max(...memory.map(({ privateKib }) => privateKib))))
}

function swapped({ cpu, memory }: Round): Round {
  return { cpu: [cpu[1], cpu[0]], memory: [memory[1], memory[0]] }
}

function nothing(name: string, connections: number): Comparison {
  return { case: name, connections, cpu: null, memory: null, cpu_us: null, private_kib: null, rounds: 0 }
}
