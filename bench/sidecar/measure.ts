import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Memory } from '../../e2e/programs/process-usage.ts'
import { emptyRow, failedRow, median, rounded, type Row } from '../result.ts'

export const SIDECAR = 'sidecar'

export interface SidecarFigures extends Memory {
  /** From exec to ready: with a certificate and its configuration, of each start. */
  readonly readyMs: readonly number[]
  readonly idleCpuPercent: number
}

/** A real sidecar beside a real control plane, with nothing to do. `program`: its bundle. */
export async function measureSidecar(program: string, tell: (row: Row) => void): Promise<Row[]> {
  const row = await rowOf(program).catch((error: unknown) =>
    failedRow(SIDECAR, 0, 'weft', describeError(error)),
  )
  tell(row)
  return [row]
}

async function rowOf(program: string): Promise<Row> {
  const inside = fileURLToPath(new URL('inside.ts', import.meta.url))
  const child = spawn('unshare', ['--net', '--', process.execPath, inside, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0)
    throw new WeftError(
      'bench.sidecar',
      'a sidecar of its own did not run (it needs root, for a network namespace)',
    )
  const figures = JSON.parse(said) as SidecarFigures
  return {
    ...emptyRow(SIDECAR, 0, 'weft'),
    rss_kib: figures.rssKib,
    pss_kib: figures.pssKib,
    ready_ms: Math.round(median(figures.readyMs)),
    idle_cpu_percent: rounded(figures.idleCpuPercent),
  }
}
