import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeError, WeftError } from '../../../core/errors.ts'
import { LACK } from '../../programs/lack.ts'
import { startCluster } from './cluster.ts'
import {
  allRunning,
  findRunning,
  refuseRunning,
  removeRunning,
  untilNotRunning,
  writeRunning,
  type RunningCluster,
} from './running.ts'

const USAGE = `usage: node e2e/kubernetes/cluster/main.ts COMMAND [--name NAME]

A real Kubernetes of one node in namespaces of its own. It needs root; nothing of the machine is changed.

  up [--api] [--name NAME]       start one and leave it running; --api: without a node (no kubelet, no scheduler)
  down [--name NAME]             end it; nothing is left
  kubectl [--name NAME] ARG...   run kubectl as cluster-admin
  exec [--name NAME] PROGRAM...  run a program in its namespaces, on the node
  list                           the clusters that run
`

const USAGE_ERRORS = new Set(['kubernetes.command', 'kubernetes.name'])

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv
  const { name, args } = takeName(rest)
  switch (command) {
    case 'up':
      return up(name, args)
    case 'hold':
      return hold(name, args)
    case 'down':
      return down(name)
    case 'kubectl': {
      const { kubectl, kubeconfig } = findRunning(name)
      return runHere([kubectl, '--kubeconfig', kubeconfig, ...args])
    }
    case 'exec':
      return runHere([...findRunning(name).execArgv, ...args])
    case 'list':
      for (const one of allRunning()) console.log(`${one.name}  ${one.mode}  KUBECONFIG=${one.kubeconfig}`)
      return 0
    case '--help':
    case undefined:
      console.log(USAGE)
      return command === undefined ? 2 : 0
    default:
      throw new WeftError('kubernetes.command', `there is no command \`${command}\` (--help lists them)`)
  }
}

/** `--name` comes first: what follows may be another program's flags. */
function takeName(args: readonly string[]): { name: string; args: readonly string[] } {
  if (args[0] !== '--name') return { name: 'weft', args: args[0] === '--' ? args.slice(1) : args }
  const name = args[1]
  if (name === undefined || !/^[a-z0-9][-a-z0-9]{0,30}$/.test(name))
    throw new WeftError('kubernetes.name', `\`${name ?? ''}\` is no name: a-z, 0-9 and -`, {
      field: '--name',
    })
  return { name, args: args.slice(args[2] === '--' ? 3 : 2) }
}

type FromHolder =
  | { readonly line: string }
  | { readonly ready: RunningCluster }
  | { readonly error: string; readonly code: number }

/** The cluster lives as long as a process that stays behind. */
async function up(name: string, args: readonly string[]): Promise<number> {
  modeOf(args)
  refuseRunning(name)
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'hold', '--name', name, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const { promise, resolve } = Promise.withResolvers<number>()
  child.on('exit', (code) => resolve(code ?? 1))
  child.on('message', (message: FromHolder) => {
    if ('line' in message) console.error(message.line)
    if ('error' in message) {
      console.error(`cluster: ${message.error}`)
      resolve(message.code)
    }
    if ('ready' in message) {
      console.log(`export KUBECONFIG=${message.ready.kubeconfig}`)
      resolve(0)
    }
  })
  const code = await promise
  if (child.connected) child.disconnect()
  child.unref()
  return code
}

async function hold(name: string, args: readonly string[]): Promise<number> {
  const tell = (message: FromHolder) => {
    if (process.connected) process.send?.(message, () => {})
  }
  const mode = modeOf(args)
  let ready = false
  process.on('disconnect', () => {
    // Whoever waited for it went away.
    if (!ready) process.exit(1)
  })
  try {
    const cluster = await startCluster({ mode, onProgress: (line) => tell({ line }) })
    const running: RunningCluster = {
      name,
      mode,
      pid: process.pid,
      kubeconfig: cluster.kubeconfig,
      kubectl: cluster.programs.path('kubectl'),
      execArgv: cluster.execArgv([]),
    }
    writeRunning(running)
    ready = true
    tell({ ready: running })
    const stop = () => void cluster.stop()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
    await cluster.closed
    removeRunning(name)
    return 0
  } catch (error) {
    tell({ error: describeError(error), code: exitCode(error) })
    return exitCode(error)
  }
}

async function down(name: string): Promise<number> {
  const { pid } = findRunning(name)
  process.kill(pid, 'SIGTERM')
  await untilNotRunning(name)
  return 0
}

function modeOf(args: readonly string[]): 'api' | 'node' {
  const { values } = parseArgs({ args: [...args], options: { api: { type: 'boolean' } } })
  return values.api ? 'api' : 'node'
}

function runHere(argv: readonly string[]): Promise<number> {
  const [program = '', ...args] = argv
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(program, args, { stdio: 'inherit' })
  child.on('error', reject)
  child.on('exit', (code) => resolve(code ?? 1))
  return promise
}

function exitCode(error: unknown): number {
  if (error instanceof WeftError) return error.code === LACK ? 3 : USAGE_ERRORS.has(error.code) ? 2 : 1
  return (error as NodeJS.ErrnoException | undefined)?.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`cluster: ${describeError(error)}`)
    process.exitCode = exitCode(error)
  },
)
