import { describeError } from '../../core/errors.ts'
import { FlagError } from '../../local/flags.ts'
import { untilTold } from '../../local/until-told.ts'
import { ATTACKS } from './attacks/index.ts'
import { HELP, parseAttackFlags } from './flags.ts'
import { playAttacks } from './play.ts'
import { reportTable } from './report.ts'

const started = performance.now()
const progress = (line: string) =>
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}\n`)

/** Gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const names = ATTACKS.map(({ name }) => name)
  const flags = parseAttackFlags(argv, names)
  if (flags.help || flags.list) {
    console.log(flags.help ? HELP : names.join('\n'))
    return 0
  }
  const chosen = ATTACKS.filter(
    ({ name, short }) => (flags.only.length === 0 || flags.only.includes(name)) && (short || !flags.short),
  )
  const told = untilTold(() => process.exit(130))
  try {
    const report = await playAttacks(chosen, progress, told.signal)
    console.log(flags.json ? JSON.stringify(report) : reportTable(report, ATTACKS))
    return report.ok ? 0 : 1
  } catch (error) {
    if (!told.signal.aborted) throw error
    return 130
  } finally {
    told.stop()
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  // What hung would hold it.
  (error: unknown) => {
    console.error(`attack: ${describeError(error)}`)
    process.exit(error instanceof FlagError ? 2 : 1)
  },
)
