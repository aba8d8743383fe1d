import type { ConnectionOptions } from '../../control-plane/kubernetes/open-connection.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { describeError, WeftError } from '../../core/errors.ts'
import { printHelp, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { loadSettings } from '../../injector/load-settings.ts'
import { defaultSettings } from '../../injector/settings.ts'
import { INJECT_COMMAND } from './command.ts'
import { injectText, NAMESPACE_UNKNOWN, parseText } from './inject-text.ts'
import type { InjectResult, ParsedText } from './inject-text.ts'
import { labelsInCluster } from './namespace-labels.ts'
import type { Labels } from './namespace-labels.ts'
import { readInputs, readText } from './read-inputs.ts'

interface InjectFlags {
  readonly files: readonly string[]
  readonly namespace: string | undefined
  readonly settings: string | undefined
  readonly json: boolean
  /** The one whose namespaces are asked for. */
  readonly cluster: ConnectionOptions | undefined
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
      flags.settings === undefined
        ? defaultSettings(version)
        : loadSettings(readText(flags.settings), version)
    const inputs = await readInputs(flags.files)
    const texts = inputs.map(({ origin, text }) => parseText(text, origin))
    const { namespace, namespaces } = await knownNamespaces(flags, texts)
    const results = texts.flatMap((text) => injectText(text, { namespace, settings, namespaces }))
    const documents = texts.flatMap((text) => text.documents)
    for (const { kind, namespace: where, name, warnings } of results)
      for (const warning of warnings) process.stderr.write(`${kind} ${where}/${name}: ${warning}\n`)
    for (const line of unknownNamespaces(results, flags.cluster !== undefined)) process.stderr.write(line)
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ results, objects: documents.map((one) => one.toJS() as unknown) }, undefined, 2)}\n`
        : documents.map((one) => one.toString({ lineWidth: 0 }).replace(/^---\n/, '')).join('---\n'),
    )
    return 0
  } catch (error) {
    if (error instanceof WeftError && error.code === 'cli.flags') {
      process.stderr.write(usageProblem(INJECT_COMMAND, error))
      return 2
    }
    process.stderr.write(`weft inject: ${describeError(error)}\n`)
    return 1
  }
}

/** Labels of namespaces: those of the input, as it will be applied, before those of the cluster, where one was named. */
async function knownNamespaces(
  { namespace, cluster }: InjectFlags,
  texts: readonly ParsedText[],
): Promise<{ readonly namespace: string; readonly namespaces: ReadonlyMap<string, Labels> }> {
  const given = new Map(texts.flatMap((text) => [...text.namespaces]))
  if (!cluster) return { namespace: namespace ?? 'default', namespaces: given }
  const { openConnection } = await import('../../control-plane/kubernetes/open-connection.ts')
  const connection = await openConnection(cluster)
  try {
    const preset = namespace ?? connection.namespace
    const named = texts.flatMap(({ templates }) => templates.flat().map((one) => one.namespace ?? preset))
    const asked = [...new Set(named)].filter((name) => !given.has(name))
    const found = await labelsInCluster(connection, asked)
    return { namespace: preset, namespaces: new Map([...found, ...given]) }
  } finally {
    await connection.close()
  }
}

/** A line for each namespace whose pods got a sidecar only because nothing is known of it. */
function unknownNamespaces(results: readonly InjectResult[], asked: boolean): readonly string[] {
  const unknown = results.filter(({ reason }) => reason === NAMESPACE_UNKNOWN)
  return [...new Set(unknown.map(({ namespace }) => namespace))].map((name) => {
    const where = asked ? 'neither in the input nor readable in the cluster' : 'not in the input'
    const remedy = asked ? 'add it to the input' : 'add it to the input, or give --kubeconfig FILE'
    return `namespace ${name}: it is ${where}, so its pods got a sidecar as if it was labelled; ${remedy}\n`
  })
}

function readFlags(argv: readonly string[]): InjectFlags | 'help' {
  const parsed = parseCommand(INJECT_COMMAND, argv)
  if (parsed === 'help') return 'help'
  const { values } = parsed
  const files = [...(values.filename ?? []), ...parsed.positionals]
  if (files.length === 0)
    throw new WeftError('cli.flags', 'is required: a file, a directory or - for standard input', {
      field: '--filename',
    })
  const { namespace, settings, json, kubeconfig, context } = values
  const cluster = kubeconfig === undefined && context === undefined ? undefined : { kubeconfig, context }
  return { files, namespace, settings, json, cluster }
}
