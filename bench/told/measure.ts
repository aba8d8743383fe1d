import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { NODE_FLAGS, bundle } from '../../cli/bundle.ts'
import { WeftError } from '../../core/errors.ts'
import type { Bed } from '../bed.ts'
import { WITH_TELEMETRY } from '../cases.ts'
import { measureCase } from '../measure-case.ts'
import type { Options } from '../options.ts'
import { weft } from '../peers/weft.ts'
import type { Row } from '../result.ts'

/**
 * The pair without any telemetry (`weft`); as it is shipped (`telemetry`): 1 % traced, metrics reported, what failed logged; and
 * with every request traced (`sampled`) or logged (`logged`) besides. In turns. `own`: what runs Weft's proxy; `project`: where
 * the one without is built, below .cache/bench.
 */
export async function measureTelemetry(
  bed: Bed,
  project: string,
  own: readonly string[],
  options: Options,
  tell: (row: Row) => void,
): Promise<Row[]> {
  const { path } = await bundle('proxy', {
    into: join(project, '.cache/bench/silent'),
    before: join(import.meta.dirname, 'none.ts'),
  })
  const collector = fork(join(import.meta.dirname, 'collector.ts'), { execArgv: [] })
  try {
    const [port] = (await once(collector, 'message')) as [number]
    const shipped = ['--collector', `grpc://127.0.0.1:${port}`]
    const peers = [
      weft('weft', [...NODE_FLAGS, path], undefined, ['--access-log', 'off']),
      weft(WITH_TELEMETRY.name, own, undefined, [...shipped, '--access-log', 'failed']),
      weft('sampled', own, undefined, [...shipped, '--access-log', 'failed', '--trace-sampling', '1']),
      weft('logged', own, undefined, [...shipped, '--access-log', 'all']),
    ]
    const rows = await measureCase(bed, WITH_TELEMETRY, peers, options, tell)
    const told = once(collector, 'message') as Promise<[{ spans: number; reports: number }]>
    collector.send('what came?')
    const [{ spans, reports }] = await told
    if (spans === 0 || reports === 0)
      throw new WeftError('bench.collector', `got ${spans} spans and ${reports} reports of metrics`)
    return rows
  } finally {
    collector.disconnect()
  }
}
