import { readFileSync } from 'node:fs'
import packageJson from '../../package.json' with { type: 'json' }
import { describeError, WeftError } from '../../core/errors.ts'
import { printHelp, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { loadSettings } from '../../injector/load-settings.ts'
import { defaultSettings } from '../../injector/settings.ts'
import { INJECT_COMMAND } from './command.ts'
import { injectText } from './inject-text.ts'

interface InjectFlags {
  readonly files: readonly string[]
  readonly namespace: string
  readonly settings: string | undefined
  readonly json: boolean
}

/** `weft inject`. Resolves to the exit code. */
export async function runInject(argv: readonly string[]): Promise<number> {
  let flags: InjectFlags | 'help'
  try {
    flags = readFlags(argv)
  } catch (error) {
    process.stderr.write(usageProblem(INJECT_COMMAND, error))
    return 2
  }
  if (flags === 'help') {
    printHelp(INJECT_COMMAND)
    return 0
  }
  try {
    const { version } = packageJson
    const settings =
      flags.settings === undefined ? defaultSettings(version) : loadSettings(read(flags.settings), version)
    const { namespace, files, json } = flags
    const done = files.map((file) =>
      injectText(read(file), file === '-' ? 'standard input' : file, { namespace, settings }),
    )
    const results = done.flatMap((one) => one.results)
    const documents = done.flatMap((one) => one.documents)
    for (const { kind, namespace: where, name, warnings } of results)
      for (const warning of warnings) process.stderr.write(`${kind} ${where}/${name}: ${warning}\n`)
    process.stdout.write(
      json
        ? `${JSON.stringify({ results, objects: documents.map((one) => one.toJS() as unknown) }, undefined, 2)}\n`
        : documents.map((one) => one.toString({ lineWidth: 0 }).replace(/^---\n/, '')).join('---\n'),
    )
    return 0
  } catch (error) {
    process.stderr.write(`weft inject: ${describeError(error)}\n`)
    return 1
  }
}

function readFlags(argv: readonly string[]): InjectFlags | 'help' {
  const parsed = parseCommand(INJECT_COMMAND, argv)
  if (parsed === 'help') return 'help'
  const { values } = parsed
  if (!values.filename?.length) throw new WeftError('cli.flags', 'is required', { field: '--filename' })
  return {
    files: values.filename,
    namespace: values.namespace,
    settings: values.settings,
    json: values.json,
  }
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : describeError(error)
    throw new WeftError('inject.file', `can't be read (${reason})`, { field: file })
  }
}
