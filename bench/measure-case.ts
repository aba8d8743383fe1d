import { describeError, WeftError } from '../core/errors.ts'
import type { Bed, Path } from './bed.ts'
import type { Case } from './cases.ts'
import type { RunResult } from './load/meter.ts'
import type { LoadRequest } from './load/protocol.ts'
import type { Options } from './options.ts'
import type { Peer } from './peers/peer.ts'
import { failedRow, median, rounded, type Row } from './result.ts'

const WARM_UP_MS = 250
/** Before a case: a runtime that compiles as it goes gets its time, and every peer the same. */
export const FIRST_WARM_UP_MS = 3000
/** A turn with a larger share of stolen time is tried again, this often in all. */
const STOLEN = 0.05
const TRIES = 3
const WARM_UP_CONNECTIONS = 32

/** Measures all peers in a case, in turns; `tell` is given each line as it is known. */
export async function measureCase(
  bed: Bed,
  what: Case,
  peers: readonly Peer[],
  options: Options,
  tell: (row: Row) => void,
): Promise<Row[]> {
  const rows: Row[] = []
  const add = (row: Row): void => {
    rows.push(row)
    tell(row)
  }
  const numbers = what.connections.filter((count) => options.connections?.includes(count) ?? true)
  const chosen = options.connections && numbers.length === 0 ? options.connections : numbers
  const paths: Path[] = []
  const warmUp = (path: Path) =>
    bed.run({
      ...turnOf(what, path, Math.min(WARM_UP_CONNECTIONS, Math.max(...what.connections)), bed.cores?.proxies),
      warmupMs: 0,
      windowMs: FIRST_WARM_UP_MS,
    })
  try {
    await rehearse(bed, what, peers, warmUp)
    for (const peer of peers) {
      try {
        const path = await bed.start(peer, what.topology, what.origin)
        paths.push(path)
        await warmUp(path)
      } catch (error) {
        const failed = paths.findIndex((path) => path.peer === peer)
        if (failed >= 0) await paths.splice(failed, 1)[0]?.stop()
        for (const count of chosen) add(failedRow(what.name, count, peer.name, describeError(error)))
      }
    }
    for (const connections of chosen)
      for (const row of await measureLine(bed, what, connections, paths, options)) add(row)
  } finally {
    await Promise.all(paths.map((path) => path.stop()))
  }
  return rows
}

/**
 * Load and application compile as they go, too: the peer that met them cold kept what it had made of itself for them, a
 * third more CPU for gRPC, whoever it was. So one meets them first that is not measured.
 */
async function rehearse(
  bed: Bed,
  what: Case,
  [first]: readonly Peer[],
  warmUp: (path: Path) => Promise<unknown>,
): Promise<void> {
  if (!first) return
  let path: Path | undefined
  try {
    path = await bed.start(first, what.topology, what.origin)
    await warmUp(path)
  } catch {
    // What ails it is told where it is measured.
  } finally {
    await path?.stop()
  }
}

function disturbed({ requests, stolen }: RunResult): boolean {
  return requests === 0 || stolen > STOLEN
}

/** A turn, again when its CPU was taken away for too long; the least disturbed counts. */
export async function undisturbed(bed: Bed, request: LoadRequest): Promise<RunResult> {
  let best = await bed.run(request)
  for (let again = 0; again < TRIES - 1 && disturbed(best); again++) {
    const next = await bed.run(request)
    if (best.requests === 0 || (next.requests > 0 && next.stolen < best.stolen)) best = next
  }
  if (best.requests === 0) throw new WeftError('bench.answer', 'no answer came in the whole time')
  return best
}

async function measureLine(
  bed: Bed,
  what: Case,
  connections: number,
  paths: readonly Path[],
  options: Options,
): Promise<Row[]> {
  const turns = new Map<Path, RunResult[]>(paths.map((path) => [path, []]))
  const errors = new Map<Path, string>()
  for (let turn = 0; turn < options.turns; turn++) {
    for (const path of turn % 2 === 0 ? paths : paths.toReversed()) {
      if (errors.has(path)) continue
      try {
        const request = turnOf(what, path, connections, bed.cores?.proxies)
        const windowMs = (options.seconds * 1000) / options.turns
        turns.get(path)?.push(await undisturbed(bed, { ...request, warmupMs: WARM_UP_MS, windowMs }))
      } catch (error) {
        errors.set(path, describeError(error))
      }
    }
  }
  const weft = paths.find((path) => path.peer.name === 'weft')
  const own = weft && !errors.has(weft) ? (turns.get(weft) ?? []).map(cost) : undefined
  return paths.map((path) => {
    const error = errors.get(path)
    if (error !== undefined) return failedRow(what.name, connections, path.peer.name, error)
    return rowOf(what.name, connections, path.peer.name, turns.get(path) ?? [], own)
  })
}

function range(values: readonly number[]): [number, number] {
  return [rounded(Math.min(...values)), rounded(Math.max(...values))]
}

export function turnOf(
  what: Case,
  path: Path,
  connections: number,
  cpu: number | undefined,
): Omit<LoadRequest, 'warmupMs' | 'windowMs'> {
  return { kind: what.load, port: path.port, connections, size: what.size, proxies: path.pids, cpu }
}

function cost(result: RunResult): number {
  return result.cpuMicroseconds / result.requests
}

function rowOf(
  name: string,
  connections: number,
  peer: string,
  results: readonly RunResult[],
  own: readonly number[] | undefined,
): Row {
  const middle = (read: (result: RunResult) => number): number => rounded(median(results.map(read)))
  const largest = (read: (memory: RunResult['memory'][number]) => number): number =>
    Math.max(...results.flatMap(({ memory }) => memory.map(read)))
  const ratios = own?.map((weft, i) => cost(results[i] as RunResult) / weft)
  return {
    case: name,
    connections,
    peer,
    cpu_us_per_request: middle(cost),
    cpu_spread: range(results.map(cost)),
    rps: middle(({ requests, seconds }) => requests / seconds),
    p50_us: middle(({ p50Us }) => p50Us),
    p99_us: middle(({ p99Us }) => p99Us),
    rss_kib: largest(({ rssKib }) => rssKib),
    pss_kib: largest(({ pssKib }) => pssKib),
    private_kib: Math.round(median(results.map(({ memory }) => memory.at(-1)?.privateKib ?? 0))),
    ratio_to_weft: ratios ? rounded(median(ratios)) : null,
    ratio_spread: ratios ? range(ratios) : null,
  }
}
