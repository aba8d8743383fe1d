import type { Readable } from 'node:stream'
import { WeftError } from '../core/errors.ts'
import { formatProblem, type Problem } from '../core/problem.ts'
import { printHelp } from '../core/command-line/help.ts'
import { parseCommand } from '../core/command-line/parse.ts'
import { VALIDATE_COMMAND } from './commands.ts'
import { fromHere } from './print-problems.ts'
import { readChecked } from './manifest/read-checked.ts'
import { manifestProblems } from './problems/check-manifests.ts'

/** What `weft local validate --json` prints. */
export interface Validation {
  /** There is no error. */
  readonly ok: boolean
  readonly problems: readonly Problem[]
}

/** `weft local validate -f FILE|DIR|-`: exit code 1 when there is an error, 0 with warnings only. Starts nothing. */
export async function runValidate(argv: readonly string[]): Promise<number> {
  const parsed = parseCommand(VALIDATE_COMMAND, argv)
  if (parsed === 'help') {
    printHelp(VALIDATE_COMMAND)
    return 0
  }
  const { values } = parsed
  const paths = values.file ?? []
  if (paths.length === 0) throw unusable('is required: a directory, a file, or - for stdin')
  const validation = await validate(paths, process.stdin)
  console.log(values.json ? JSON.stringify(validation) : report(validation))
  return validation.ok ? 0 : 1
}

/**
 * Checks manifests as `weft local up` would take them. `paths` are directories, kustomize folders, files, or `-` for what
 * `stdin` gives. Throws WeftError `cli.flags` for a path that cannot be read.
 */
export async function validate(paths: readonly string[], stdin: Readable): Promise<Validation> {
  const problems = manifestProblems(await readChecked(paths, stdin))
  return { ok: !problems.some(({ severity }) => severity === 'error'), problems }
}

function report({ problems }: Validation): string {
  if (problems.length === 0) return 'no problems'
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`
  return [
    ...problems.map((problem) => formatProblem(problem, fromHere)),
    `${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`,
  ].join('\n')
}

function unusable(message: string): WeftError {
  return new WeftError('cli.flags', message, { field: '-f' })
}
