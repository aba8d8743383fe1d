import { readdirSync } from 'node:fs'
import { cpuMicroseconds, memoryOf } from '../programs/process-usage.ts'
import { bundle, NODE_FLAGS, PROXY_ENV } from '../../cli/bundle.ts'
import { describeError } from '../../core/errors.ts'
import { startPair, type Pair, type Teardown } from '../pair/testing/pair.ts'
import { applications } from './applications.ts'
import { Load } from './load.ts'
import { operations } from './operations.ts'
import { HELP, parseOptions, type Options } from './options.ts'
import { judge, type Sample, type Verdict } from './verdict.ts'

const WARM_UP_SECONDS = 5
const SAMPLE_MS = 1000
const PROGRESS_MS = 15_000

interface Result {
  readonly seconds: number
  /** Operations a second: at full load, and during the soak. */
  readonly fullRate: number
  readonly rate: number
  readonly operations: Record<string, number>
  readonly failed: Record<string, number>
  readonly reasons: readonly string[]
  readonly proxies: Record<'caller' | 'server', Verdict & { cpuPercent: number }>
  readonly samples: Record<'caller' | 'server', readonly Sample[]>
}

async function soak(options: Options, t: Teardown, stopped: AbortSignal): Promise<Result> {
  const pair = await startPair(t, await applications(t), {
    flags: ['--access-log', 'failed', '--drain-seconds', '5'],
    // As images run it.
    program: { argv: [...NODE_FLAGS, (await bundle('proxy')).path], env: PROXY_ENV },
  })
  const { all, close } = operations(pair)
  t.teardown(close)
  const warm = new Load(all)
  await warm.full(WARM_UP_SECONDS)
  const fullRate = await warm.full(WARM_UP_SECONDS)
  const rate = fullRate * options.load
  console.error(
    `soak: full load is ${Math.round(fullRate)} operations a second; ${Math.round(rate)} from now on`,
  )

  const load = new Load(all)
  const startedAt = performance.now()
  const before = cpu(pair)
  const samples = { caller: [] as Sample[], server: [] as Sample[] }
  const sampling = setInterval(() => {
    const seconds = (performance.now() - startedAt) / 1000
    for (const name of ['caller', 'server'] as const) samples[name].push(sample(pair[name].pid, seconds))
  }, SAMPLE_MS)
  const telling = setInterval(() => tell(load, samples, options.seconds), PROGRESS_MS)
  try {
    await load.steady(rate, options.seconds, stopped)
  } finally {
    clearInterval(sampling)
    clearInterval(telling)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const after = cpu(pair)
  const judged = (name: 'caller' | 'server') => ({
    ...judge(samples[name]),
    cpuPercent: (after[name] - before[name]) / seconds / 1e4,
  })
  return {
    seconds,
    fullRate,
    rate: load.total / seconds,
    operations: Object.fromEntries(load.done),
    failed: Object.fromEntries(load.failed),
    reasons: load.reasons,
    proxies: { caller: judged('caller'), server: judged('server') },
    samples,
  }
}

function sample(pid: number, seconds: number): Sample {
  return { seconds, rssKib: memoryOf([pid]).rssKib, descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

function cpu(pair: Pair): Record<'caller' | 'server', number> {
  return { caller: cpuMicroseconds([pair.caller.pid]), server: cpuMicroseconds([pair.server.pid]) }
}

function tell(load: Load, samples: Result['samples'], seconds: number): void {
  const caller = samples.caller.at(-1)
  const server = samples.server.at(-1)
  if (!caller || !server) return
  console.error(
    `soak: ${Math.round(caller.seconds)} of ${seconds} s, ${load.total} operations, ${load.failures} failed; ` +
      `caller ${mib(caller.rssKib)} MiB ${caller.descriptors} fds, server ${mib(server.rssKib)} MiB ${server.descriptors} fds`,
  )
}

const mib = (kib: number): string => (kib / 1024).toFixed(1)

function report(result: Result): string {
  const lines = [
    `${result.seconds.toFixed(0)} s at ${result.rate.toFixed(0)} operations a second (full load: ${result.fullRate.toFixed(0)})`,
    ...Object.entries(result.operations).map(
      ([name, count]) => `  ${name}: ${count}, ${result.failed[name] ?? 0} failed`,
    ),
    ...result.reasons.map((reason) => `  failed: ${reason}`),
  ]
  for (const [name, { flat, rssKib, peakRssKib, descriptors, cpuPercent }] of Object.entries(result.proxies))
    lines.push(
      `${name}: ${flat ? 'flat' : 'NOT FLAT'}; RSS ${mib(rssKib[0])} -> ${mib(rssKib[1])} MiB (peak ${mib(peakRssKib)}), ` +
        `descriptors ${descriptors[0]} -> ${descriptors[1]}, ${cpuPercent.toFixed(0)} % of a core`,
    )
  return lines.join('\n')
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options.help) {
    console.log(HELP)
    return 0
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const tasks: (() => unknown)[] = []
  let result: Result
  try {
    result = await soak(options, { teardown: (task) => void tasks.unshift(task) }, stop.signal)
  } finally {
    for (const task of tasks) await task()
  }
  const { caller, server } = result.proxies
  if (options.json) console.log(JSON.stringify(result, undefined, 2))
  else console.log(report(result))
  if (stop.signal.aborted) console.error(`soak: stopped after ${result.seconds.toFixed(0)} s`)
  const failed = Object.keys(result.failed).length > 0
  return caller.flat && server.flat && !failed && !stop.signal.aborted ? 0 : 1
}

main(process.argv.slice(2)).then(
  // Connections that clients keep would hold it.
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(`soak: ${describeError(error)}`)
    process.exit(2)
  },
)
