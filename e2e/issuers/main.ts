import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeError, WeftError } from '../../core/errors.ts'
import { parseFlags } from '../../core/flags.ts'
import { reportTable } from '../demo/report.ts'
import { play } from '../demo/scenario.ts'
import { LACK } from '../programs/lack.ts'
import { ensureSpire, isSpireMade, SPIRE } from './programs.ts'
import { Spire } from './spire.ts'
import { spireSteps } from './spire-steps.ts'

const USAGE = `Usage: npm run test:issuers [-- --check] [--json]

Has a real SPIRE ${SPIRE}, server and agent, certify workloads of a control plane: docs/issuers.md. Both are built from its
Go module into a cache the first time, which takes many minutes.

  --check  make and run nothing; say whether they are in the cache, and exit with 3 if not
  --json   one object on standard output: {ok, seconds, issuers: [{name, version, steps: [{name, ok, expected, observed}]}]}
  --help   this text

It needs Linux, Go 1.26 or newer and a C compiler.
Exit: 0 all as expected, 1 not, 2 for wrong use, 3 something cannot be had here (it says what).
`

const began = performance.now()
const progress = (line: string): void =>
  console.error(`issuers: ${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${line}`)

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseFlags({
    args: [...argv],
    options: { check: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  } as const)
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (values.check) {
    console.log(`spire: ${isSpireMade() ? 'there' : 'not made'}`)
    return isSpireMade() ? 0 : 3
  }
  const programs = await ensureSpire(progress)
  const folder = mkdtempSync(join(tmpdir(), 'weft-spire-'))
  const spire = await Spire.start(programs, folder)
  try {
    const steps = await play(spireSteps(), spire, progress)
    const ok = steps.every((step) => step.ok)
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const issuers = [{ name: 'spire', version: SPIRE, steps }]
    console.log(values.json ? JSON.stringify({ ok, seconds, issuers }) : reportTable({ ok, seconds, steps }))
    return ok ? 0 : 1
  } finally {
    await spire.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function exitCode(error: unknown): number {
  if (!(error instanceof WeftError)) return 1
  return error.code === LACK ? 3 : error.code === 'cli.flags' ? 2 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`test:issuers: ${describeError(error)}`)
    process.exitCode = exitCode(error)
  },
)
