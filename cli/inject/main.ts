import { readFileSync } from 'node:fs'
import { INJECTOR, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { describeError, WeftError } from '../../core/errors.ts'
import { parseFlags } from '../../core/flags.ts'
import { loadSettings } from '../../injector/load-settings.ts'
import { defaultSettings } from '../../injector/settings.ts'
import { injectText } from './inject-text.ts'

export const INJECT_HELP = `Usage: weft inject -f FILE [flags]

Adds the sidecar to every Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and List of a YAML or JSON
text, by the same code as the webhook, and prints all of it. Other objects pass as they are. Warnings go to standard
error. No cluster is asked: labels of namespaces are not known, so every pod that may have a sidecar gets one.

  -f, --filename FILE   what to read, - is standard input; may be given again
  -n, --namespace NAME  of objects that name none (default)
  --settings FILE       the installation's settings, as the injector reads them:
                        kubectl get configmap -n ${SYSTEM_NAMESPACE} ${INJECTOR} -o jsonpath='{.data.settings\\.yaml}'
  --json                one JSON object in place of YAML: {results: [{kind, namespace, name, injected, reason,
                        warnings}], objects: [...]}
  --help                this text

Exit code: 0 done, 1 something could not be read, 2 wrong flags.
`

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
    process.stderr.write(`weft inject: ${describeError(error)} (weft inject --help lists the flags)\n`)
    return 2
  }
  if (flags === 'help') {
    process.stdout.write(INJECT_HELP)
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
  const { values } = parseFlags({
    args: [...argv],
    options: {
      filename: { type: 'string', short: 'f', multiple: true },
      namespace: { type: 'string', short: 'n' },
      settings: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return 'help'
  if (!values.filename?.length) throw new WeftError('cli.flags', 'is required', { field: '--filename' })
  return {
    files: values.filename,
    namespace: values.namespace ?? 'default',
    settings: values.settings,
    json: values.json ?? false,
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
