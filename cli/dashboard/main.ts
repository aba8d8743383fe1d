import { isInCluster } from '../../control-plane/kubernetes/in-cluster.ts'
import { kubeconfigFiles } from '../../control-plane/kubernetes/kubeconfig.ts'
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import type { FlagValues, ParsedCommand } from '../../core/command-line/parse.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { integerBetween } from '../../core/flags.ts'
import { ControlClient } from '../../local/control/client.ts'
import { controlSocket, stateDirectory } from '../../local/state-directory.ts'
import { untilTold } from '../../local/until-told.ts'
import { openInBrowser } from './browser.ts'
import { forwardDashboard } from './cluster-dashboard.ts'
import { DASHBOARD_COMMAND } from './command.ts'

type Values = FlagValues<typeof DASHBOARD_COMMAND>

/** A dashboard that answers: what --json prints of it, and how long that lasts. */
interface Dashboard {
  readonly facts: { readonly address: string; readonly [fact: string]: string }
  /** Serves until this process is told to end; undefined where somebody else serves. */
  readonly serve?: () => Promise<void>
}

const OF_THIS_MACHINE = ['local', 'name', 'state-dir'] as const
const OF_A_CLUSTER = ['kubeconfig', 'context', 'weft-namespace'] as const

/** `weft dashboard`. Resolves to the exit code: 0, 1 where there is none, 2 for wrong flags. */
export async function runDashboard(argv: readonly string[]): Promise<number> {
  try {
    const parsed = parseCommand(DASHBOARD_COMMAND, argv)
    if (parsed === 'help') {
      printHelp(DASHBOARD_COMMAND)
      return 0
    }
    const { facts, serve } = await chosen(parsed)
    const { json, 'no-open': silent } = parsed.values
    const shown = json ? JSON.stringify(facts, undefined, 2) : `dashboard: ${facts.address}`
    process.stdout.write(`${shown}\n`)
    if (process.stdout.isTTY && !json && !silent) openInBrowser(facts.address)
    await serve?.()
    return 0
  } catch (error) {
    if (error instanceof WeftError && error.code === 'cli.flags') {
      process.stderr.write(usageProblem(DASHBOARD_COMMAND, error))
      return 2
    }
    process.stderr.write(`${programName()} ${DASHBOARD_COMMAND.name}: ${describeError(error)}\n`)
    return 1
  }
}

async function chosen({ values, given }: ParsedCommand<typeof DASHBOARD_COMMAND>): Promise<Dashboard> {
  const here = OF_THIS_MACHINE.find((flag) => given.has(flag))
  const there = [...OF_A_CLUSTER, 'port' as const].find((flag) => given.has(flag))
  if (here !== undefined && there !== undefined)
    throw new WeftError(
      'cli.flags',
      `is of the mesh on this machine, --${there} of a cluster: leave one away`,
      {
        field: `--${here}`,
      },
    )
  const port = values.port === undefined ? 0 : integerBetween('--port', values.port, 1, 65535)
  if (here !== undefined) return localDashboard(values)
  if (!OF_A_CLUSTER.some((flag) => given.has(flag))) {
    const found = await localDashboard(values).catch(() => undefined)
    if (found && values.port !== undefined) {
      const message = `is of a cluster; the mesh on this machine has its dashboard at ${found.facts.address}, and --context names a cluster`
      throw new WeftError('cli.flags', message, { field: '--port' })
    }
    if (found) return found
    if (kubeconfigFiles(undefined).length === 0 && !isInCluster())
      throw new WeftError(
        'dashboard.none',
        'no mesh named weft runs on this machine, and no cluster is configured: start one with `weft local up -f PATH`, or give --kubeconfig FILE',
      )
  }
  return clusterDashboard(values, port)
}

async function localDashboard({ name, 'state-dir': directory }: Values): Promise<Dashboard> {
  const client = new ControlClient(controlSocket(stateDirectory(name, directory)))
  try {
    const { dashboard } = await client.status()
    if (dashboard === null)
      throw new WeftError('dashboard.none', `the cluster ${name} of this machine runs without the mesh`)
    return { facts: { mesh: 'local', name, address: dashboard } }
  } finally {
    await client.close()
  }
}

async function clusterDashboard(values: Values, port: number): Promise<Dashboard> {
  const { kubeconfig, context, 'weft-namespace': namespace } = values
  let said = ''
  const forward = await forwardDashboard({ kubeconfig, context, namespace, port }, (error) => {
    const line = `${programName()} ${DASHBOARD_COMMAND.name}: ${describeError(error)}\n`
    // A page asks again every second.
    if (line !== said) process.stderr.write(line)
    said = line
  })
  // Whoever reads the address may end it at once.
  const told = untilTold(() => process.exit(130))
  const ended = new Promise<void>((resolve) => told.signal.addEventListener('abort', () => resolve()))
  return {
    facts: { mesh: 'cluster', namespace, pod: forward.pod, address: `http://127.0.0.1:${forward.port}` },
    async serve() {
      process.stderr.write(`forwarded to ${namespace}/${forward.pod}; Ctrl-C ends it\n`)
      await ended
      await forward.close()
    },
  }
}
