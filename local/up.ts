import { collectorAddress } from '../control-plane/serve/telemetry/forwarder.ts'
import { startCluster } from './cluster.ts'
import type { LocalCluster } from './cluster.ts'
import { UP_COMMAND } from './commands.ts'
import { DASHBOARD_TARGET } from './control/status.ts'
import { printHelp } from '../core/command-line/help.ts'
import { parseCommand } from '../core/command-line/parse.ts'
import { WeftError } from '../core/errors.ts'
import { parseNodePlan } from './node-plan.ts'
import type { NodePlan } from './node/messages.ts'
import { printProblems } from './print-problems.ts'
import { clusterFlags } from './state-directory.ts'
import { untilTold } from './until-told.ts'

interface UpFlags {
  readonly manifests: readonly string[]
  readonly name: string
  readonly stateDir: string | undefined
  readonly images: Readonly<Record<string, string>>
  readonly expose: readonly { target: string; hostPort: number }[]
  readonly mesh: boolean
  readonly nodes: NodePlan
  readonly collector: string | undefined
}

const ENDED = 'ended: nothing of it is left'

/** `weft local up`: runs a cluster until it is told to end, by Ctrl-C or `weft local down`. */
export async function runUp(argv: readonly string[]): Promise<number> {
  const flags = parseUpFlags(argv)
  if (flags === 'help') {
    printHelp(UP_COMMAND)
    return 0
  }
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  let cluster: LocalCluster | undefined
  const told = untilTold(() => void cluster?.close())
  try {
    cluster = await startCluster({
      manifests: flags.manifests,
      name: flags.name,
      images: flags.images,
      mesh: flags.mesh,
      nodes: flags.nodes,
      collector: flags.collector,
      endsProcess: true,
      signal: told.signal,
      ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
      onProgress: (line) => console.log(line),
      onWarning: (line) => console.error(`warning: ${line}`),
      onProblems: printProblems,
    })
    return await run(cluster, flags, told.signal, seconds)
  } catch (error) {
    await cluster?.close()
    if (!told.signal.aborted) throw error
    console.error(ENDED)
    return 0
  } finally {
    told.stop()
  }
}

async function run(
  cluster: LocalCluster,
  flags: UpFlags,
  told: AbortSignal,
  seconds: () => string,
): Promise<number> {
  cluster.ready.then(
    () => announce(cluster, flags, seconds()),
    () => {},
  )
  if (flags.mesh) {
    const port = await cluster.expose(DASHBOARD_TARGET)
    console.log(`dashboard: http://127.0.0.1:${port}`)
  }
  for (const { target, hostPort } of flags.expose) {
    const port = await cluster.expose(target, hostPort)
    console.log(`${target} is at http://127.0.0.1:${port}`)
  }
  const ended = await Promise.race([cluster.closed.then(() => true), aborted(told).then(() => false)])
  const failed = ended && cluster.failure !== undefined
  if (failed) console.error(`weft local up: ${cluster.failure}`)
  else if (ended) console.error('ended by weft local down')
  else {
    console.error('ending pods in order; Ctrl-C again ends them at once')
    await cluster.close()
    console.error(ENDED)
  }
  return failed ? 1 : 0
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}

function announce(cluster: LocalCluster, flags: UpFlags, after: string): void {
  void cluster.status().then(
    ({ pods }) => {
      const suffix = clusterFlags(flags.name, flags.stateDir)
      console.log(
        `ready after ${after}: ${pods.length} pods. weft local status${suffix} shows them; Ctrl-C ends it all.`,
      )
    },
    () => {},
  )
}

function parseUpFlags(argv: readonly string[]): UpFlags | 'help' {
  const parsed = parseCommand(UP_COMMAND, argv)
  if (parsed === 'help') return 'help'
  const { values } = parsed
  const manifests = values.file ?? []
  if (manifests.length === 0)
    throw new WeftError('cli.flags', 'is required: a directory, a file, or - for stdin', { field: '-f' })
  const { collector } = values
  // Told here, where somebody reads it, and not by a pod that does not start.
  if (collector !== undefined) collectorAddress('--collector', collector)
  return {
    manifests,
    name: values.name,
    stateDir: values['state-dir'],
    images: Object.fromEntries((values.image ?? []).map(parseImage)),
    expose: (values.expose ?? []).map(parseExpose),
    mesh: !values['no-mesh'],
    nodes: parseNodePlan(values),
    collector,
  }
}

function parseImage(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at <= 0 || at === text.length - 1)
    throw new WeftError('cli.flags', `"${text}" must be NAME=FOLDER`, { field: '--image' })
  return [text.slice(0, at), text.slice(at + 1)]
}

function parseExpose(text: string): { target: string; hostPort: number } {
  const match = /^([a-z0-9-]+\.[a-z0-9-]+:\d{1,5})(?:=(\d{1,5}))?$/.exec(text)
  if (!match || Number(match[2] ?? 0) > 65535) {
    const message = `"${text}" must be service.namespace:port, with =HOSTPORT or without`
    throw new WeftError('cli.flags', message, { field: '--expose' })
  }
  return { target: match[1] ?? '', hostPort: Number(match[2] ?? 0) }
}
