import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openCaStore } from '../../certs/ca-store.ts'
import { openTokenIssuer } from '../../control-plane/serve/tokens/issuer.ts'
import { bundle, CONTROL_PLANE_FLAGS } from '../../cli/bundle.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { freePorts } from '../../core/testing/free-ports.ts'
import { cpuMicroseconds, memoryOf } from '../../e2e/programs/process-usage.ts'
import type { FromReporters, ReportersConfig } from './messages.ts'

const USAGE = `usage: node bench/reports/main.ts [options]

What reports of sidecars cost the control plane: its bundle, with the flags of its image, takes spans and metrics of
some pods, as their sidecars send them, until its stores are long full. Memory is its resident set.

  --pods N        that report (4)
  --spans N       a second, of all of them together (2000)
  --seconds N     how long (90)
  --node=FLAGS    of Node.js, instead of the image's, split at blanks
  --program FILE  instead of this tree's bundle, to compare
  --json          {startMib, middleMib, endMib, peakMib, cpuPercent, spans, lost} on standard output
  --help          this text

Exit code: 0 measured, 1 spans were lost or it could not be measured, 2 wrong flags.
`

const NAME = 'weft-control-plane.weft-system.svc'

interface Options {
  readonly pods: number
  readonly spans: number
  readonly seconds: number
  readonly node: readonly string[]
  readonly program: string | undefined
  readonly json: boolean
}

interface Result {
  /** Ready, before anybody reports; then after a half of the time, at its end, and at most. */
  readonly startMib: number
  readonly middleMib: number
  readonly endMib: number
  readonly peakMib: number
  /** Of a core, while reports come. */
  readonly cpuPercent: number
  readonly spans: number
  /** Of these, not taken. */
  readonly lost: number
}

/** Throws WeftError `bench.option` naming the flag. */
function parseOptions(argv: readonly string[]): Options | 'help' {
  let values
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        pods: { type: 'string', default: '4' },
        spans: { type: 'string', default: '2000' },
        seconds: { type: 'string', default: '90' },
        node: { type: 'string' },
        program: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new WeftError('bench.option', describeError(error))
  }
  if (values.help) return 'help'
  const whole = (flag: 'pods' | 'spans' | 'seconds', most: number): number => {
    const value = Number(values[flag])
    if (Number.isInteger(value) && value >= 1 && value <= most) return value
    throw new WeftError('bench.option', `must be a whole number from 1 to ${most}`, { field: `--${flag}` })
  }
  return {
    pods: whole('pods', 200),
    spans: whole('spans', 50_000),
    seconds: whole('seconds', 3600),
    node: values.node?.split(' ').filter((flag) => flag !== '') ?? CONTROL_PLANE_FLAGS,
    program: values.program,
    json: values.json,
  }
}

const manifest = (pods: readonly string[]): string => `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.1, selector: { app: web }, ports: [{ name: http, port: 80 }] }
${pods
  .map(
    (name, index) => `---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: web }, annotations: { weft.dev/status: '{}' } }
spec:
  serviceAccountName: web
  initContainers: [{ name: weft-init }, { name: weft-proxy, restartPolicy: Always }]
  containers: [{ name: app, ports: [{ containerPort: 8080 }] }]
status: { podIP: 10.244.0.${index + 1} }
`,
  )
  .join('')}`

async function measure(options: Options): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-reports-'))
  const at = (name: string): string => join(directory, name)
  const ending: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
  try {
    for (const name of ['manifests', 'ca', 'keys']) mkdirSync(at(name))
    const pods = Array.from({ length: options.pods }, (_, index) => `web-${index}`)
    writeFileSync(join(at('manifests'), 'mesh.yaml'), manifest(pods))
    const issuer = await openTokenIssuer({ directory: at('keys') })
    const roots = openCaStore({ directory: at('ca'), trustDomain: 'cluster.local' }).authority.value.bundle
      .pem
    const reporting = pods.map(async (pod) => {
      const account = { namespace: 'shop', serviceAccount: { name: 'web', uid: 'web' } }
      const subject = { ...account, pod: { name: pod, uid: pod } }
      return { pod, token: await issuer.mint(subject, { audience: 'weft', ttlMs: 24 * 3_600_000 }) }
    })
    const [grpc = 0, http = 0] = await freePorts(2)
    const program = options.program ?? (await bundle('control-plane')).path
    const child = spawn(
      process.execPath,
      [
        ...options.node,
        ...[program, '--manifests', at('manifests'), '--ca-dir', at('ca'), '--token-key-dir', at('keys')],
        ...['--grpc', `127.0.0.1:${grpc}`, '--http', `127.0.0.1:${http}`],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    ending.push(() => end(child, () => child.kill('SIGKILL')))
    await ready(child, http)
    const pid = child.pid ?? 0
    const resident = (): number => memoryOf([pid]).rssKib / 1024
    const startMib = resident()

    const reporters = fork(join(import.meta.dirname, 'reporters.ts'), { execArgv: [] })
    ending.push(() => end(reporters, () => reporters.kill('SIGKILL')))
    const said = once(reporters, 'message') as Promise<[FromReporters]>
    const cpu = cpuMicroseconds([pid])
    reporters.send({
      port: grpc,
      roots,
      serverName: NAME,
      reporters: await Promise.all(reporting),
      spansPerSecond: options.spans,
      seconds: options.seconds,
    } satisfies ReportersConfig)
    let [middleMib, endMib, peakMib] = [0, 0, startMib]
    for (let second = 1; second <= options.seconds; second++) {
      await delay(1000)
      if (child.exitCode !== null) throw ended(child)
      endMib = resident()
      peakMib = Math.max(peakMib, endMib)
      if (second <= options.seconds / 2) middleMib = endMib
      if (second % 10 === 0) console.error(`reports: ${second} s, ${endMib.toFixed(0)} MiB`)
    }
    const cpuPercent = (cpuMicroseconds([pid]) - cpu) / 1e4 / options.seconds
    const [{ spans, lost }] = await said
    return { startMib, middleMib, endMib, peakMib, cpuPercent, spans, lost }
  } finally {
    for (const task of ending.toReversed()) await task()
  }
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
    console.log(USAGE)
    return 0
  }
  const result = await measure(options)
  const { startMib, middleMib, endMib, peakMib, cpuPercent, spans, lost } = result
  const mib = (value: number): string => `${value.toFixed(0)} MiB`
  console.log(
    options.json
      ? JSON.stringify(result)
      : `${spans} spans of ${options.pods} pods in ${options.seconds} s, ${lost} lost, ${cpuPercent.toFixed(1)} % of a core: ` +
          `${mib(startMib)} when ready, ${mib(middleMib)} after half of the time, ${mib(endMib)} at its end, at most ${mib(peakMib)}`,
  )
  return lost === 0 ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`reports: ${describeError(error)} (node bench/reports/main.ts --help lists the flags)`)
    process.exitCode = error instanceof WeftError && error.code === 'bench.option' ? 2 : 1
  },
)
