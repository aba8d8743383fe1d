import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { NODE_FLAGS } from '../../cli/bundle.ts'
import { WeftError } from '../../core/errors.ts'
import { Bed } from '../bed.ts'
import { CASES, STITCH } from '../cases.ts'
import type { Options } from '../options.ts'
import { weft } from '../peers/weft.ts'
import { machineText } from '../report/machine.ts'
import { measureStitch } from '../stitch/measure.ts'
import { compareCase, type Comparison, type Rounds } from './measure.ts'
import { buildRevision } from './revision.ts'
import { comparisonHeading, comparisonText } from './table.ts'

/** `--case stitch`. Returns the exit code. */
export async function reportStitch(options: Options): Promise<number> {
  const say = options.json ? console.error : console.log
  say(`${machineText([])}\n\n${comparisonHeading()}`)
  const bed = await Bed.open()
  const rows: Comparison[] = []
  try {
    for (const connections of options.connections ?? STITCH.connections) {
      const row = await measureStitch(bed, connections, roundsOf(options))
      rows.push(row)
      say(comparisonText(row))
    }
  } finally {
    bed.close()
  }
  if (options.json) console.log(JSON.stringify({ rows }, undefined, 2))
  return rows.some(({ error }) => error !== undefined) ? 1 : 0
}

function roundsOf({ rounds, seconds, allow }: Options): Rounds {
  return {
    rounds,
    secondsEach: seconds,
    allowed: allow / 100,
    tell: (line) => console.error(`bench: ${line}`),
  }
}

/** `--against REV`: this tree beside that revision. Returns the exit code: 1 where something is worse, or failed. */
export async function reportAgainst(
  project: string,
  revision: string,
  own: readonly string[],
  options: Options,
): Promise<number> {
  const cases = CASES.filter(({ name }) => options.cases.includes(name))
  if (cases.length === 0) {
    const known = CASES.map(({ name }) => name).join(', ')
    throw new WeftError('bench.option', `with --against these are measured: ${known}`, { field: '--case' })
  }
  const folder = join(project, '.cache/bench')
  mkdirSync(folder, { recursive: true })
  console.error(`bench: ${revision} is built`)
  const { commit, argv } = buildRevision(project, folder, revision, NODE_FLAGS)
  const peers = [weft('now', own), weft(commit, argv)] as const
  const say = options.json ? console.error : console.log
  say(`${machineText([peers[0]])}; this tree beside ${commit}\n\n${comparisonHeading()}`)
  const rows: Comparison[] = []
  const bed = await Bed.open()
  try {
    for (const what of cases)
      for (const connections of options.connections ?? what.connections) {
        const row = await compareCase(bed, what, connections, peers, roundsOf(options))
        rows.push(row)
        say(comparisonText(row))
      }
  } finally {
    bed.close()
  }
  if (options.json) console.log(JSON.stringify({ against: commit, rows }, undefined, 2))
  const bad = ({ cpu, memory, error }: Comparison): boolean =>
    error !== undefined || cpu?.verdict === 'worse' || memory?.verdict === 'worse'
  return rows.some(bad) ? 1 : 0
}
