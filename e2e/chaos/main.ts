import { describeError, WeftError } from '../../core/errors.ts'
import { FlagError } from '../../local/flags.ts'
import { untilTold } from '../../local/until-told.ts'
import { startStormCluster } from './cluster.ts'
import { HELP, parseChaosFlags } from './flags.ts'
import { chaosTable } from './report.ts'
import { storm } from './storm.ts'

const started = performance.now()
const progress = (line: string) =>
  process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}\n`)

/** Gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const flags = parseChaosFlags(argv)
  if (flags.help) {
    console.log(HELP)
    return 0
  }
  progress(`seed ${flags.seed}`)
  const told = untilTold(() => process.exit(130))
  const cluster = await startStormCluster({ signal: told.signal, onProgress: progress })
  try {
    const report = await storm(cluster, { ...flags, atLeast: 1, signal: told.signal, onProgress: progress })
    console.log(flags.json ? JSON.stringify(report) : chaosTable(report))
    return report.ok ? 0 : 1
  } finally {
    await cluster.close()
    told.stop()
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  // What hung would hold it.
  (error: unknown) => {
    console.error(`chaos: ${describeError(error)}`)
    const lacks = error instanceof WeftError && error.code === 'local.requirements'
    process.exit(error instanceof FlagError ? 2 : lacks ? 3 : 1)
  },
)
