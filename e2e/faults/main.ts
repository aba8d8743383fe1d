import { describeError } from '../../core/errors.ts'
import { FlagError } from '../../local/flags.ts'
import { within } from '../programs/within.ts'
import { HELP, parseFaultFlags } from './flags.ts'
import { SCENARIOS } from './scenarios.ts'

/** For a scenario; more requests take longer. */
const SCENARIO_MINUTES = 30

interface Played {
  readonly name: string
  readonly claim: string
  readonly ok: boolean
  readonly figures: Readonly<Record<string, number | boolean>>
}

const started = performance.now()
const progress = (line: string) =>
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}\n`)

/** Gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const names = SCENARIOS.map(({ name }) => name)
  const flags = parseFaultFlags(argv, names)
  if (flags.help || flags.list) {
    console.log(flags.help ? HELP : names.join('\n'))
    return 0
  }
  const scenarios: Played[] = []
  for (const { name, claim, run } of SCENARIOS) {
    if (flags.only.length > 0 && !flags.only.includes(name)) continue
    progress(name)
    const { ok, ...figures } = await within(SCENARIO_MINUTES, name, run(flags.requests, flags.seed))
    scenarios.push({ name, claim, ok, figures })
  }
  const ok = scenarios.every((one) => one.ok)
  if (flags.json) console.log(JSON.stringify({ ok, seed: flags.seed, scenarios: scenarios.map(flat) }))
  else console.log(scenarios.map(lineOf).join('\n'))
  return ok ? 0 : 1
}

function flat({ figures, ...rest }: Played): object {
  return { ...rest, ...figures }
}

function lineOf({ name, claim, ok, figures }: Played): string {
  const said = Object.entries(figures).map(([figure, value]) => `${figure.replaceAll('_', ' ')} ${value}`)
  return `${ok ? 'held' : 'FAILED'}  ${name}: ${claim}\n        ${said.join(', ')}`
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  // What hung would hold it.
  (error: unknown) => {
    console.error(`faults: ${describeError(error)}`)
    process.exit(error instanceof FlagError ? 2 : 1)
  },
)
