import { printHelp, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { formatProblem } from '../../core/problem.ts'
import { readInputs } from '../inject/read-inputs.ts'
import { MIGRATE_COMMAND } from './command.ts'
import { migrateTexts } from './migrate-texts.ts'
import { jsonOf, yamlOf } from './print.ts'

/** It was printed, but not all of it could be said. */
const INCOMPLETE = 3

/** `weft migrate`. Resolves to the exit code. */
export async function runMigrate(argv: readonly string[]): Promise<number> {
  try {
    const parsed = parseCommand(MIGRATE_COMMAND, argv)
    if (parsed === 'help') {
      printHelp(MIGRATE_COMMAND)
      return 0
    }
    const { values, positionals } = parsed
    const [mesh = '', ...more] = positionals
    const files = [...(values.filename ?? []), ...more]
    if (files.length === 0)
      throw new WeftError('cli.flags', 'is required: a file, a directory or - for standard input', {
        field: '--filename',
      })
    const { migrated, notes } = migrateTexts(mesh, await readInputs(files), values.namespace)
    for (const note of notes) process.stderr.write(`${formatProblem(note)}\n`)
    process.stdout.write(values.json ? jsonOf(migrated, notes) : yamlOf(migrated))
    return notes.some(({ severity }) => severity === 'error') ? INCOMPLETE : 0
  } catch (error) {
    if (error instanceof WeftError && error.code === 'cli.flags') {
      process.stderr.write(usageProblem(MIGRATE_COMMAND, error))
      return 2
    }
    process.stderr.write(`weft migrate: ${describeError(error)}\n`)
    return 1
  }
}
