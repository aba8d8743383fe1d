import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openCaStore } from '../../certs/ca-store.ts'
import { bundle } from '../../cli/bundle.ts'
import { openTokenIssuer } from '../../control-plane/serve/tokens/issuer.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { freePorts } from '../../core/testing/free-ports.ts'
import { cpuMicroseconds, memoryOf } from '../../e2e/programs/process-usage.ts'
import { writeBetween } from '../report/document.ts'
import { machineText } from '../report/machine.ts'
import { manifestOf, meshOf, type ReportingService } from './mesh.ts'
import type { FromReporters, ReportersConfig } from './messages.ts'
import { FlagError } from '../../local/flags.ts'
import { HELP, parseOptions, type Options } from './options.ts'
import { Questions } from './questions.ts'
import { isWithinTarget, resultText, type Result } from './result.ts'

const NAME = 'weft-control-plane.weft-system.svc'
const DOCUMENT = fileURLToPath(new URL('../../docs/scale.md', import.meta.url))
const BEGIN = '<!-- Written by `npm run reports -- --document`: -->'
/** Of the time, at its beginning: not judged. */
const WARM_UP = 0.1
/** Times that the count is asked for again before it is taken for all that came. */
const SETTLE = 10
const MIB = 1024 * 1024

async function measure(options: Options): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-reports-'))
  const at = (name: string): string => join(directory, name)
  const ending: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
  try {
    for (const name of ['manifests', 'ca', 'keys', 'store']) mkdirSync(at(name))
    const services = meshOf(options.pods, options.calls)
    writeFileSync(join(at('manifests'), 'mesh.yaml'), manifestOf(services))
    const roots = openCaStore({ directory: at('ca'), trustDomain: 'cluster.local' }).authority.value.bundle
      .pem
    const tokens = await tokensOf(services, at('keys'))
    const [grpc = 0, http = 0] = await freePorts(2)
    const program = options.program ?? (await bundle('control-plane')).path
    const child = spawn(
      process.execPath,
      [
        ...options.node,
        ...[program, '--manifests', at('manifests'), '--ca-dir', at('ca'), '--token-key-dir', at('keys')],
        ...['--grpc', `127.0.0.1:${grpc}`, '--http', `127.0.0.1:${http}`, '--store', at('store')],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    ending.push(() => end(child, () => child.kill('SIGTERM')))
    await ready(child, http)
    const pid = child.pid ?? 0
    const resident = (): number => memoryOf([pid]).rssKib / 1024
    const startMib = resident()
    const startMs = Date.now()

    const reporters = fork(join(import.meta.dirname, 'reporters.ts'), { execArgv: [] })
    ending.push(() => end(reporters, () => reporters.kill('SIGKILL')))
    const said = once(reporters, 'message') as Promise<[FromReporters]>
    reporters.send({
      ...{ port: grpc, roots, serverName: NAME, services, tokens },
      requestsPerSecond: options.requests,
      samplingPercent: options.sampling,
      seconds: options.seconds * (1 + WARM_UP),
    } satisfies ReportersConfig)
    const questions = new Questions(`http://127.0.0.1:${http}`, services)
    const asked = questions.run(options.ask)
    const failed = asked.then(() => new Promise<never>(() => {}))
    const second = (): Promise<unknown> => Promise.race([delay(1000), failed])
    for (let past = 0; past < options.seconds * WARM_UP; past++) await second()
    questions.judge()
    const cpu = cpuMicroseconds([pid])
    const waited = waitedMs(pid)
    const began = performance.now()
    let [middleMib, endMib, peakMib] = [0, 0, startMib]
    for (let past = 1; past <= options.seconds; past++) {
      await second()
      if (child.exitCode !== null) throw ended(child)
      endMib = resident()
      peakMib = Math.max(peakMib, endMib)
      if (past <= options.seconds / 2) middleMib = endMib
      if (past % 10 === 0) console.error(`reports: ${past} s, ${endMib.toFixed(0)} MiB`)
    }
    const seconds = (performance.now() - began) / 1000
    const cpuPercent = (cpuMicroseconds([pid]) - cpu) / 1e4 / seconds
    const waitPercent = (waitedMs(pid) - waited) / 10 / seconds
    questions.stop()
    await asked
    const [told] = await said
    const knownSeries = await questions.series()
    // A second that is not over is not in an answer yet.
    let counted = await questions.counted(startMs)
    for (let tries = 0; counted < told.requests && tries < SETTLE; tries++) {
      await delay(500)
      counted = await questions.counted(startMs)
    }
    const stalls = questions.stalls.toSorted((a, b) => a - b)
    const stall = (share: number): number => stalls[Math.ceil(share * stalls.length) - 1] ?? 0
    return {
      ...{ pods: options.pods, services: services.length },
      ...{ requests: told.requests, counted },
      wantedPerSecond: options.requests,
      requestsPerSecond: told.requests / told.seconds,
      spansPerSecond: told.spans / told.seconds,
      ...{ lost: told.lost, failedReports: told.failedReports, series: told.series },
      knownSeries,
      ...{ startMib, middleMib, endMib, peakMib, cpuPercent, waitPercent },
      storeMib: bytesOf(at('store')) / MIB,
      answers: questions.answered,
      stallMs: { p50: stall(0.5), p99: stall(0.99), longest: stall(1) },
      lateMs: told.lateMs,
      load: loadavg()[0] ?? 0,
      cpus: availableParallelism(),
    }
  } finally {
    for (const task of ending.toReversed()) await task()
  }
}

/** By `namespace/pod`. */
async function tokensOf(
  services: readonly ReportingService[],
  directory: string,
): Promise<Record<string, string>> {
  const issuer = await openTokenIssuer({ directory })
  const tokens: Record<string, string> = {}
  for (const { name, namespace, pods } of services)
    for (const { name: pod } of pods) {
      const subject = { namespace, serviceAccount: { name, uid: name }, pod: { name: pod, uid: pod } }
      tokens[`${namespace}/${pod}`] = await issuer.mint(subject, { audience: 'weft', ttlMs: 24 * 3_600_000 })
    }
  return tokens
}

/** How long the main thread was ready to run, and another ran in its place (`/proc/PID/schedstat`). */
function waitedMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6
}

function bytesOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
}

async function ready(child: ChildProcess, port: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer?.status === 200) return
    if (child.exitCode !== null) throw ended(child)
    await delay(50)
  }
}

const ended = ({ exitCode }: ChildProcess): WeftError =>
  new WeftError('bench.control_plane', `the control plane ended with ${exitCode}`)

async function end(child: ChildProcess, tell: () => unknown): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = once(child, 'exit')
  tell()
  await over
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const result = await measure(options)
  const text = `${machineText([])}\n\n${resultText(result)}`
  if (options.document) writeBetween(DOCUMENT, BEGIN, text)
  console.log(options.json ? JSON.stringify({ ok: isWithinTarget(result), ...result }, undefined, 2) : text)
  return isWithinTarget(result) ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`reports: ${describeError(error)}`)
    process.exitCode = error instanceof FlagError ? 2 : 1
  },
)
