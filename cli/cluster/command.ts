import type { ParseArgsConfig } from 'node:util'
import { SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { parseFlags } from '../../core/flags.ts'

/** For every command that asks a cluster. */
export const CLUSTER_FLAGS_HELP = `  --kubeconfig FILE      as kubectl has it: else KUBECONFIG, else ~/.kube/config
  --context NAME         of the kubeconfig (its current one)
  --weft-namespace NAME  where Weft is installed (${SYSTEM_NAMESPACE})
  --json                 the result as JSON on standard output
  --help                 this text
`

export interface ClusterSession {
  readonly connection: KubernetesConnection
  /** Weft's own. */
  readonly system: string
  /** --namespace; undefined: not given. */
  readonly namespace: string | undefined
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly positionals: readonly string[]
  /** Flags of this command alone that were given. */
  readonly given: ReadonlySet<string>
}

export interface Outcome {
  /** For a person, with its line ends. */
  readonly text: string
  /** The same for a program. */
  readonly json: unknown
  /** False: the exit code is 1. */
  readonly good: boolean
}

export interface ClusterCommand {
  readonly name: string
  readonly help: string
  /** Flags without a value. */
  readonly flags?: readonly string[]
  /** How many arguments it takes besides flags, at most. */
  readonly arguments?: number
  run(session: ClusterSession): Promise<Outcome>
}

const TEXT = { type: 'string' } as const
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/** Reads the flags, asks the cluster, prints. Resolves to the exit code: 0, 1 for what is not well, 2 for wrong flags. */
export async function runClusterCommand(command: ClusterCommand, argv: readonly string[]): Promise<number> {
  const fail = (code: number, error: unknown, more = '') => {
    process.stderr.write(`weft ${command.name}: ${describeError(error)}${more}\n`)
    return code
  }
  let parsed: ReturnType<typeof readFlags>
  try {
    parsed = readFlags(command, argv)
  } catch (error) {
    return fail(2, error, ` (weft ${command.name} --help lists the flags)`)
  }
  if (parsed === 'help') {
    process.stdout.write(command.help)
    return 0
  }
  const { json, ...session } = parsed
  try {
    const connection = await openConnection(session)
    try {
      const outcome = await command.run({ ...session, connection })
      process.stdout.write(json ? `${JSON.stringify(outcome.json, undefined, 2)}\n` : outcome.text)
      return outcome.good ? 0 : 1
    } finally {
      await connection.close()
    }
  } catch (error) {
    return fail(error instanceof WeftError && error.code === 'cli.flags' ? 2 : 1, error)
  }
}

function readFlags(command: ClusterCommand, argv: readonly string[]) {
  const own = Object.fromEntries((command.flags ?? []).map((name) => [name, { type: 'boolean' } as const]))
  const options = {
    ...own,
    kubeconfig: TEXT,
    context: TEXT,
    namespace: { type: 'string', short: 'n' },
    'weft-namespace': TEXT,
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  } satisfies ParseArgsConfig['options']
  const { values, positionals } = parseFlags({ args: [...argv], allowPositionals: true, options })
  if (values.help) return 'help' as const
  const extra = positionals[command.arguments ?? 0]
  if (extra !== undefined) throw new WeftError('cli.flags', `"${extra}" is one argument too many`)
  const { kubeconfig, context, namespace } = values
  const system = values['weft-namespace'] ?? SYSTEM_NAMESPACE
  for (const [field, name] of [
    ['--namespace', namespace],
    ['--weft-namespace', system],
  ] as const) {
    if (name !== undefined && !DNS_LABEL.test(name))
      throw new WeftError('cli.flags', `"${name}" is no name of a namespace`, { field })
  }
  const flagged = Object.entries(values as Record<string, unknown>)
  const given = new Set(flagged.filter(([name, on]) => name in own && on === true).map(([name]) => name))
  return { kubeconfig, context, namespace, system, positionals, given, json: values.json ?? false }
}
