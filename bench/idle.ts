import { describeError } from '../core/errors.ts'
import type { Bed, Path } from './bed.ts'
import { IDLE } from './cases.ts'
import type { RunResult } from './load/meter.ts'
import type { Peer } from './peers/peer.ts'
import { emptyRow, failedRow, median, rounded, type Row } from './result.ts'

const STARTS = 3
// Past what follows a start.
const SETTLE_MS = 3000
const WATCH_MS = 6000
const HELD = 1000

/** What a pair with mutual TLS costs that has nothing to do: start, memory, CPU; alone and with 1,000 connections. */
export async function measureIdle(
  bed: Bed,
  peers: readonly Peer[],
  tell: (row: Row) => void,
): Promise<Row[]> {
  const rows: Row[] = []
  for (const peer of peers) {
    try {
      for (const row of await measurePeer(bed, peer)) rows.push(row)
    } catch (error) {
      rows.push(failedRow(IDLE, 0, peer.name, describeError(error)))
    }
    for (const row of rows.slice(-2)) if (row.peer === peer.name) tell(row)
  }
  return rows
}

async function measurePeer(bed: Bed, peer: Peer): Promise<Row[]> {
  const starts: number[] = []
  let path: Path | undefined
  try {
    for (let i = 0; i < STARTS; i++) {
      await path?.stop()
      path = await bed.start(peer, 'http-pair', 'http1')
      starts.push(path.readyMs)
    }
    const rows: Row[] = []
    for (const connections of [0, HELD]) {
      const result = await bed.run({
        kind: 'hold',
        port: (path as Path).port,
        connections,
        size: 1024,
        warmupMs: SETTLE_MS,
        windowMs: WATCH_MS,
        proxies: (path as Path).pids,
        cpu: bed.cores?.proxies,
      })
      rows.push(rowOf(peer.name, connections, result, median(starts)))
    }
    return rows
  } finally {
    await path?.stop()
  }
}

function rowOf(peer: string, connections: number, result: RunResult, readyMs: number): Row {
  return {
    ...emptyRow(IDLE, connections, peer),
    rss_kib: Math.max(...result.memory.map(({ rssKib }) => rssKib)),
    pss_kib: Math.max(...result.memory.map(({ pssKib }) => pssKib)),
    ready_ms: Math.round(readyMs),
    idle_cpu_percent: rounded(result.cpuMicroseconds / 1e4 / result.seconds / result.memory.length),
  }
}
