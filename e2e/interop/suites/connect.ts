import { fileURLToPath } from 'node:url'
import { freePort } from '../../../core/testing/free-ports.ts'
import { startPair } from '../../pair/testing/pair.ts'
import { runCommand, verdictOf, type Ended } from '../command.ts'
import type { Case, Run, Suite, Verdict } from '../suite.ts'

const CONFIG = fileURLToPath(new URL('../connect/config.yaml', import.meta.url))
const THROUGH = fileURLToPath(new URL('../connect/through-pair.ts', import.meta.url))
/** Seconds for all cases of one way. */
const LIMIT_S = 900
/** Many of its cases wait for a timeout: its own 8 at a time take minutes. */
const PARALLEL = '32'

type Mode = 'server' | 'client'

/** What its runner says at the end: how many ran, and why those failed that did. */
interface Summary {
  readonly cases: number
  readonly failed: ReadonlyMap<string, string>
}

/** Reads the runner's report (internal/app/connectconformance/results.go). Without a total: undefined. */
export function readSummary(output: string): Summary | undefined {
  const total = /^Total cases: \d+\n(\d+) passed, (\d+) failed$/m.exec(output)
  if (!total) return undefined
  const failed = new Map<string, string>()
  for (const [, name = '', why = ''] of output.matchAll(/^FAILED: (.+):\n((?:[ \t]+.*\n)*)/gm))
    failed.set(name, why.trim().replaceAll(/\s*\n\s*/g, ' | '))
  // A failure without a name would count as passed.
  const unnamed = Number(total[2]) - failed.size
  if (unnamed !== 0) failed.set('all failures have a name', `${unnamed} have none`)
  const notRun = /^Another (\d+) could not be run/m.exec(output)?.[1]
  if (notRun !== undefined) failed.set('all are run', `${notRun} could not be`)
  return { cases: Number(total[1]) + Math.max(Number(total[2]), failed.size), failed }
}

function command(run: Run, mode: Mode, app: number, front: number | undefined): readonly string[] {
  const folder = run.folder('interop-connect')
  const tested =
    mode === 'server' ? [`${folder}/referenceserver`, '-port', `${app}`] : [`${folder}/referenceclient`]
  return [
    `${folder}/connectconformance`,
    '--mode',
    mode,
    '--conf',
    CONFIG,
    // One port: the servers of a mode run one after the other.
    ...(mode === 'server' ? ['--max-servers', '1', '--parallel', PARALLEL] : ['--port', `${app}`]),
    '--',
    ...(front === undefined ? [] : [process.execPath, THROUGH, mode, `${front}`]),
    ...tested,
  ]
}

async function runMode(run: Run, mode: Mode): Promise<readonly Case[]> {
  const app = await freePort()
  const pair = await startPair(run.t, [{ name: 'connect', kind: 'http', app }], run)
  const way = async (front?: number): Promise<Ended> =>
    runCommand(command(run, mode, app, front), { limit: LIMIT_S, stopped: run.stopped })
  run.progress(`mode ${mode}, direct`)
  const direct = await way()
  run.progress(`mode ${mode}, through the pair`)
  const paired = await way(pair.port('connect'))
  return compare(mode, direct, paired)
}

/** A case for each that the runner counts; those that passed on both ways are numbered, as it does not name them. */
function compare(mode: Mode, direct: Ended, paired: Ended): readonly Case[] {
  const [one, other] = [direct, paired].map((ended) => readSummary(ended.stdout))
  if (!one || !other || one.cases !== other.cases) {
    const whole = (ended: Ended, summary: Summary | undefined): Verdict =>
      summary ? { passed: false, said: `${summary.cases} cases` } : { ...verdictOf(ended), passed: false }
    return [{ name: mode, direct: { ...whole(direct, one), passed: true }, pair: whole(paired, other) }]
  }
  const verdict = (why: string | undefined): Verdict => ({ passed: why === undefined, said: why ?? '' })
  const named = [...new Set([...one.failed.keys(), ...other.failed.keys()])].map((name) => ({
    name: `${mode}: ${name}`,
    direct: verdict(one.failed.get(name)),
    pair: verdict(other.failed.get(name)),
  }))
  const passed = { passed: true, said: '' }
  return [
    ...named,
    ...Array.from({ length: one.cases - named.length }, (_, index) => ({
      name: `${mode} ${index + 1}`,
      direct: passed,
      pair: passed,
    })),
  ]
}

export const CONNECT: Suite = {
  name: 'connect',
  title:
    'connectconformance: Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2, reference client and server',
  parts: ['interop-connect'],
  run: async (run) => [...(await runMode(run, 'server')), ...(await runMode(run, 'client'))],
}
