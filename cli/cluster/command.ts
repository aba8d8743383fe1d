import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { namespaceValue } from '../mesh/namespace-value.ts'
import { CLUSTER_FLAGS } from './flags.ts'

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

/** A command with CLUSTER_FLAGS, maybe --namespace, and switches of its own. */
export interface ClusterCommand {
  readonly description: CommandDescription & { readonly flags: typeof CLUSTER_FLAGS }
  run(session: ClusterSession): Promise<Outcome>
}

/** Reads the flags, asks the cluster, prints. Resolves to the exit code: 0, 1 for what is not well, 2 for wrong flags. */
export async function runClusterCommand(command: ClusterCommand, argv: readonly string[]): Promise<number> {
  const { description } = command
  const misused = (error: unknown) => {
    process.stderr.write(usageProblem(description, error))
    return 2
  }
  let parsed: ReturnType<typeof readFlags>
  try {
    parsed = readFlags(description, argv)
  } catch (error) {
    return misused(error)
  }
  if (parsed === 'help') {
    printHelp(description)
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
    if (error instanceof WeftError && error.code === 'cli.flags') return misused(error)
    process.stderr.write(`${programName()} ${description.name}: ${describeError(error)}\n`)
    return 1
  }
}

function readFlags(description: ClusterCommand['description'], argv: readonly string[]) {
  const parsed = parseCommand(description, argv)
  if (parsed === 'help') return 'help'
  const { values, positionals } = parsed
  const { kubeconfig, context, json, 'weft-namespace': system } = values
  // Not every command has the flag.
  const { namespace }: { readonly namespace?: string } = values as object
  namespaceValue(namespace)
  namespaceValue(system, '--weft-namespace')
  const given = new Set([...parsed.given].filter((name) => !Object.hasOwn(CLUSTER_FLAGS, name)))
  given.delete('namespace')
  return { kubeconfig, context, namespace, system, positionals, given, json }
}
