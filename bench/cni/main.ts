import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, WeftError } from '../../core/errors.ts'
import { environmentOf, inputOf, InstalledPlugin, type PluginCall } from '../../e2e/cni/installed-plugin.ts'
import { TestNetwork, whyNoNetwork } from '../../injector/rules/testing/network.ts'
import { captureRules, defaultCapture } from '../../injector/rules/capture.ts'
import { FlagError, parseFlags, wholeNumber } from '../../local/flags.ts'
import { buildSingleExecutable } from './single-executable.ts'

const USAGE = `usage: node bench/cni/main.ts [options]

How long the CNI plugin keeps a pod from starting: its ADD, as a runtime calls it, for a pod without a sidecar and for one
of both address families whose rules it sets; and what it could have been made of instead. It needs root, and makes
two network namespaces. Middle and least of the calls say most on a machine that does other things, too; CPU is that of
all processes of a call.

  --calls N  of each (40)
  --json     {calls, cases: [{name, p50Ms, p95Ms, leastMs, cpuMs}]} on standard output
  --help     this text

Exit code: 0 measured, 1 could not be measured, 2 wrong flags.
`

interface Case {
  readonly name: string
  readonly program: string
  readonly argv?: readonly string[]
  readonly call: PluginCall
  /** Done before each call, and not counted. */
  readonly prepare?: () => void
}

interface Measured {
  readonly name: string
  readonly p50Ms: number
  readonly p95Ms: number
  readonly leastMs: number
  readonly cpuMs: number
}

/** By rules that somebody prepared, with the programs that a node may have. */
const SHELL = `all=$(cat)
nsenter --net="$CNI_NETNS" sh -c 'iptables-restore --noflush <"$0/4" && ip6tables-restore --noflush <"$0/6"' "$RULES"
printf %s "$all"`

function measure({ name, program, argv = [], call, prepare }: Case, calls: number): Measured {
  const times: number[] = []
  let cpu = 0
  for (let count = 0; count < calls; count++) {
    prepare?.()
    const cpuBefore = childrenCpuMs()
    const began = performance.now()
    const { status, stdout, error } = spawnSync(program, argv, {
      env: { ...environmentOf(call), RULES: process.env['RULES'] ?? '' },
      input: inputOf(call),
      encoding: 'utf8',
    })
    times.push(performance.now() - began)
    cpu += childrenCpuMs() - cpuBefore
    if (error || status !== 0) throw new WeftError('bench.failed', `${name}: ${error?.message ?? stdout}`)
  }
  times.sort((a, b) => a - b)
  const at = (share: number) =>
    round(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0)
  return { name, p50Ms: at(0.5), p95Ms: at(0.95), leastMs: at(0), cpuMs: round(cpu / calls) }
}

/** Of children that have ended (proc_pid_stat(5), cutime and cstime, 100 to a second). */
function childrenCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * 10
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

async function run(calls: number, progress: (line: string) => void): Promise<Measured[]> {
  const lack = whyNoNetwork()
  if (lack !== false) throw new WeftError('bench.machine', lack)
  const plugin = await InstalledPlugin.install()
  const network = new TestNetwork('bench-cni')
  try {
    network.create(['10.77.0.2/24', 'fd77::2/64'], ['10.77.0.1/24', 'fd77::1/64'])
    const netns = `/run/netns/${network.pod}`
    const plain = { command: 'ADD', netns }
    const injected = { ...plain, annotations: { 'weft.dev/capture': '[]' } }
    for (const family of [4, 6] as const)
      writeFileSync(join(plugin.folders.state, String(family)), captureRules(defaultCapture, family))
    process.env['RULES'] = plugin.folders.state
    // A pod's network is new when its rules are set.
    const prepare = () =>
      void spawnSync(plugin.program, {
        env: environmentOf({ ...injected, command: 'DEL' }),
        input: inputOf(injected),
      })
    const single = await buildSingleExecutable(plugin.folders.state)
    const cases: Case[] = [
      { name: 'the plugin, pod without a sidecar', program: plugin.program, call: plain },
      { name: 'the plugin, pod with a sidecar', program: plugin.program, call: injected, prepare },
      { name: 'Node.js that does nothing', program: process.execPath, argv: ['-e', ''], call: plain },
      { name: 'single executable, pod without a sidecar', program: single, call: plain },
      { name: 'shell that does nothing', program: '/bin/sh', argv: ['-c', 'cat >/dev/null'], call: plain },
      {
        name: 'shell with prepared rules, pod with a sidecar',
        program: '/bin/sh',
        argv: ['-c', SHELL],
        call: injected,
        prepare,
      },
    ]
    return cases.map((one) => {
      progress(one.name)
      return measure(one, calls)
    })
  } finally {
    await network.remove()
    plugin.remove()
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      calls: { type: 'string', default: '40' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const calls = wholeNumber('--calls', values.calls, 1, 99_999)
  const cases = await run(calls, (line) => console.error(line))
  if (values.json) console.log(JSON.stringify({ calls, cases }))
  else
    for (const { name, p50Ms, p95Ms, leastMs, cpuMs } of cases)
      console.log(
        `${name.padEnd(46)} p50 ${String(p50Ms).padStart(6)} ms  p95 ${String(p95Ms).padStart(6)} ms  ` +
          `least ${String(leastMs).padStart(6)} ms  CPU ${String(cpuMs).padStart(5)} ms`,
      )
  return 0
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`bench/cni: ${describeError(error)}`)
    process.exitCode = error instanceof FlagError ? 2 : 1
  },
)
