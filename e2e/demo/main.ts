import { fileURLToPath } from 'node:url'
import { formatProblem } from '../../core/problem.ts'
import { describeError } from '../../core/errors.ts'
import { startCluster, type LocalCluster } from '../../local/cluster.ts'
import { FlagError } from '../../local/flags.ts'
import { DASHBOARD_TARGET } from '../../local/control/status.ts'
import { untilTold } from '../../local/until-told.ts'
import { demoCluster } from './demo-cluster.ts'
import { HELP, parseDemoFlags, type DemoFlags } from './flags.ts'
import { reportTable, type DemoReport } from './report.ts'
import { play, type DemoCluster, type Step } from './scenario.ts'
import { canary } from './steps/canary.ts'
import { inject } from './steps/inject.ts'
import { mtls } from './steps/mtls.ts'
import { nodes } from './steps/nodes.ts'
import { outage } from './steps/outage.ts'
import { pods } from './steps/pods.ts'
import { policy } from './steps/policy.ts'
import { promote } from './steps/promote.ts'
import { retry } from './steps/retry.ts'
import { trace } from './steps/trace.ts'
import { driveTraffic } from './traffic.ts'
import { untilReady } from './until-ready.ts'

const STEPS: readonly Step<DemoCluster>[] = [
  inject,
  mtls,
  canary,
  promote,
  retry,
  trace,
  policy,
  pods,
  outage,
]
const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url))

const started = performance.now()
const seconds = () => (performance.now() - started) / 1000
const progress = (line: string) => process.stderr.write(`${seconds().toFixed(1).padStart(5)} s  ${line}\n`)

/** Gives the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const flags = parseDemoFlags(argv)
  if (flags.help) {
    console.log(HELP)
    return 0
  }
  let cluster: LocalCluster | undefined
  const told = untilTold(() => void cluster?.close())
  try {
    progress('starting the mesh')
    cluster = await startCluster({
      manifests: [folder('manifests')],
      images: { 'weft.dev/demo': folder('app') },
      nodes: flags.nodes,
      // The scenario edits manifests and may run beside a demo that somebody looks at.
      ...(flags.once ? { name: `demo-${process.pid}`, copy: true, programs: [['tcpdump', 'tcpdump']] } : {}),
      signal: told.signal,
      onProgress: progress,
      onWarning: (line) => progress(`warning: ${line}`),
      onProblems: ({ come }) => come.forEach((problem) => progress(formatProblem(problem))),
    })
    const interrupted = new Promise<never>((_resolve, reject) => {
      told.signal.addEventListener('abort', () => reject(told.signal.reason as Error))
    })
    return await Promise.race([run(cluster, flags), interrupted])
  } catch (error) {
    if (!told.signal.aborted) throw error
    return flags.once ? 130 : 0
  } finally {
    if (told.signal.aborted) progress('ending')
    await cluster?.close()
    told.stop()
  }
}

async function run(cluster: LocalCluster, flags: DemoFlags): Promise<number> {
  const port = await cluster.expose(DASHBOARD_TARGET)
  const address = `http://127.0.0.1:${port}`
  await untilReady(cluster)
  const { pods: all } = await cluster.status()
  progress(`ready: ${all.length} pods`)
  if (flags.once) return once(cluster, address, flags)
  driveTraffic(cluster)
  console.log(`The dashboard is at ${address}; Ctrl-C ends the demo.`)
  await cluster.closed
  return cluster.failure === undefined ? 0 : 1
}

async function once(cluster: LocalCluster, address: string, flags: DemoFlags): Promise<number> {
  const all = flags.nodes.count > 1 ? [...STEPS, nodes] : STEPS
  const steps = await play(all, demoCluster(cluster, address), (name) => progress(`step ${name}`))
  const report: DemoReport = {
    ok: steps.every((step) => step.ok),
    seconds: Math.round(seconds() * 10) / 10,
    steps,
  }
  console.log(flags.json ? JSON.stringify(report) : reportTable(report))
  return report.ok ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`demo: ${describeError(error)}`)
    process.exitCode = error instanceof FlagError ? 2 : 1
  },
)
