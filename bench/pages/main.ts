import { setImmediate } from 'node:timers/promises'
import { fastify } from 'fastify'
import { createMesh, type MeshBrain } from '../../control-plane/mesh.ts'
import { policyObjects } from '../../control-plane/policy-objects.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { openChecks } from '../../control-plane/serve/checks/open-checks.ts'
import { topologyReader } from '../../control-plane/serve/graph/topology.ts'
import { overviewOf, type ProxyStream } from '../../control-plane/serve/rest/overview.ts'
import { rest } from '../../control-plane/serve/rest/rest.ts'
import { ownersOfAddresses } from '../../control-plane/serve/telemetry/address-owners.ts'
import { DecisionStore } from '../../control-plane/serve/telemetry/decision-store.ts'
import { MetricStore } from '../../control-plane/serve/telemetry/metric-store.ts'
import { ObservedStore } from '../../control-plane/serve/telemetry/observed-store.ts'
import { observing } from '../../control-plane/serve/telemetry/observed-view.ts'
import { TraceStore } from '../../control-plane/serve/telemetry/trace-store.ts'
import { ManualClock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import { inTurns } from '../../core/in-turns.ts'
import { silentLogger } from '../../core/log.ts'
import { FlagError, parseFlags, wholeNumber } from '../../local/flags.ts'
import { meshObjects, podName, serviceAt, type MeshSize } from './mesh.ts'
import { fill } from './stores.ts'

const USAGE = `usage: node bench/pages/main.ts [options]

How long each page of the REST API keeps the control plane's only loop, with a mesh and telemetry of its size in memory:
configuration for sidecars and certificates wait meanwhile. Before each answer the mesh changes and time goes on, so that
nothing is remembered of the answer before. Milliseconds are of CPU, of the loop's thread: what else the machine does does not count.

  --services N  with one route and one policy each (500)
  --pods N      of each Service (10)
  --rounds N    answers of each page; the worst one counts (5)
  --most-ms N   exit with 1 if a page keeps the loop for longer; default: no bound
  --json        {services, pods, pages: [{page, totalMs, stallMs, bytes}]} on standard output
  --help        this text

Exit code: 0 measured, 1 a page kept the loop for longer than --most-ms or could not be measured, 2 wrong flags.
`

const NAMESPACES = 20
/** Time that passes between two answers: more than what is worked out holds. */
const APART_MS = 10_000

interface Options {
  readonly services: number
  readonly pods: number
  readonly rounds: number
  readonly most: number
  readonly json: boolean
}

interface PageResult {
  readonly page: string
  /** Of the slowest answer: CPU milliseconds. */
  readonly totalMs: number
  /** The longest that the loop did nothing else. */
  readonly stallMs: number
  readonly bytes: number
}

const MOST = 100_000

/** Throws FlagError. */
function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      services: { type: 'string', default: '500' },
      pods: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '5' },
      'most-ms': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  if (values.help) return 'help'
  const most = values['most-ms']
  return {
    services: wholeNumber('--services', values.services, 1, MOST),
    pods: wholeNumber('--pods', values.pods, 1, MOST),
    rounds: wholeNumber('--rounds', values.rounds, 1, MOST),
    most: most === undefined ? Infinity : wholeNumber('--most-ms', most, 1, MOST),
    json: values.json,
  }
}

async function measure({ services, pods, rounds }: Options): Promise<PageResult[]> {
  const size: MeshSize = { services, podsOfEach: pods, namespaces: Math.min(NAMESPACES, services) }
  process.stderr.write(`making a mesh of ${services} Services and ${services * pods} pods\n`)
  const source = new MemorySource()
  source.apply([...meshObjects(size)].map((object) => ({ op: 'put', object })))
  const brain = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  const app = fastify()
  try {
    const clock = new ManualClock(Date.UTC(2026, 0, 2))
    const stores = {
      metrics: new MetricStore(),
      traces: new TraceStore(undefined, clock),
      decisions: new DecisionStore(),
      observed: new ObservedStore(ownersOfAddresses(() => brain.snapshot.value.model)),
    }
    const overview = overviewOf(
      () => brain,
      'cluster.local',
      () => proxiesOf(size, brain),
      () => [],
    )
    const checks = openChecks({
      ...{ release: '0.1.0', overview, clock, ...stores },
      brain: () => brain,
      snapshot: () => source.snapshot.value,
      bundle: () => undefined,
    })
    const readTopology = topologyReader()
    await app.register(rest, {
      ...{ mesh: overview, ...stores, release: '0.1.0', clock },
      topology: () => readTopology(brain.snapshot.value.model, source.snapshot.value.slices),
      policyObjects: () => policyObjects(source.snapshot.value),
      observed: (query) => inTurns(observing(stores.observed, brain.snapshot.value.model, query)),
      checks: () => checks.find(),
    })
    await app.ready()
    clock.advance(130_000)
    fill(stores, size, clock.now())
    clock.advance(APART_MS)
    const results: PageResult[] = []
    for (const page of pagesOf(size)) {
      process.stderr.write(`asking ${page}\n`)
      let result: PageResult = { page, totalMs: 0, stallMs: 0, bytes: 0 }
      for (let round = 0; round < rounds; round++) {
        change(source, size, results.length * rounds + round)
        fill(stores, { ...size, services: Math.min(services, 1) }, clock.now())
        const one = await askOnce(app, page)
        result = {
          page,
          totalMs: Math.max(result.totalMs, one.totalMs),
          stallMs: Math.max(result.stallMs, one.stallMs),
          bytes: one.bytes,
        }
        clock.advance(APART_MS)
      }
      results.push(result)
    }
    checks.close()
    return results
  } finally {
    await app.close()
    brain.close()
  }
}

function pagesOf(size: MeshSize): string[] {
  const { namespace, name } = serviceAt(size, 0)
  return [
    ...['/api/mesh', '/api/proxies', '/api/problems', '/api/services', '/api/routes', '/api/policies'],
    ...[`/api/services/${namespace}/${name}`, '/api/checks', '/api/graph?last=60'],
    ...[`/api/series?of=service&name=${name}.${namespace}&last=60`, '/api/traces?last=3600&limit=1000'],
    ...['/api/events', '/api/canaries', '/api/authorization/decisions', '/api/authorization/denials'],
    ...['/api/authorization/observed', '/api/authorization/objects'],
    ...[`/api/authorization/workloads/${namespace}/${podName(name, 0)}`],
    ...[`/api/authorization/targets/${namespace}/${name}/80`, '/metrics'],
  ]
}

function proxiesOf(size: MeshSize, brain: MeshBrain): ProxyStream[] {
  const version = brain.snapshot.value.version
  return Array.from({ length: size.services * size.podsOfEach }, (_, index) => {
    const { namespace, name } = serviceAt(size, Math.floor(index / size.podsOfEach))
    const pod = podName(name, index % size.podsOfEach)
    return {
      ...{ node: `${pod}.${namespace}`, namespace, pod, serviceAccount: name },
      ...{ connectedAt: 0, version, rejected: '' },
    }
  })
}

/** The first Service gets another address: the objects and the mesh are of a new version. */
function change(source: MemorySource, size: MeshSize, turn: number): void {
  const one = { ...size, services: 1 }
  for (const object of meshObjects(one)) {
    if (object.kind !== 'Service') continue
    source.apply([{ op: 'put', object: { ...object, clusterIPs: [`10.97.0.${turn % 250}`] } }])
  }
}

async function askOnce(
  app: ReturnType<typeof fastify>,
  page: string,
): Promise<{ totalMs: number; stallMs: number; bytes: number }> {
  const watched = { done: false }
  let stallMs = 0
  const began = threadMs()
  let last = began
  const watching = (async () => {
    while (!watched.done) {
      await setImmediate()
      const now = threadMs()
      stallMs = Math.max(stallMs, now - last)
      last = now
    }
  })()
  const reply = await app.inject({ url: page })
  const totalMs = threadMs() - began
  watched.done = true
  await watching
  if (reply.statusCode !== 200) throw new Error(`${page} is answered with ${reply.statusCode}: ${reply.body}`)
  return { totalMs, stallMs, bytes: reply.body.length }
}

/** CPU time of the loop's thread: what else runs on the machine is not in it. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const pages = await measure(options)
  if (options.json)
    console.log(JSON.stringify({ services: options.services, pods: options.services * options.pods, pages }))
  else
    for (const { page, totalMs, stallMs, bytes } of pages)
      console.log(
        `${page.padEnd(64)} ${totalMs.toFixed(0).padStart(6)} ms, ${stallMs.toFixed(0).padStart(5)} ms at a stretch, ${(bytes / 1024).toFixed(0).padStart(6)} KiB`,
      )
  return pages.some(({ stallMs }) => stallMs > options.most) ? 1 : 0
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`bench/pages: ${describeError(error)}\n`)
    process.exitCode = error instanceof FlagError ? 2 : 1
  },
)
