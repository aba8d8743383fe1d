import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { silentLogger } from '../../../core/log.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import type { Snapshot } from '../snapshot.ts'
import { KubernetesSource } from './kubernetes-source.ts'
import { WATCHED_KINDS } from './resources.ts'
import { TestApiServer, type Backup } from './testing/api-server.ts'

const alive = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(alive))

const NAMES = ['a', 'b', 'c', 'd']
const POLICIES = '/apis/weft.dev/v1alpha1/peerauthentications'
const TIMES = {
  retryBaseMs: 1,
  retryMaxMs: 5,
  absentMs: 10,
  watchMs: 40,
  graceMs: 20,
  pageSize: 2,
  listTimeoutMs: 200,
}

type Step =
  | {
      readonly do: 'put' | 'delete'
      readonly kind: 'Pod' | 'Service' | 'PeerAuthentication'
      readonly name: string
      readonly value: number
    }
  | { readonly do: Fault }

const FAULTS = [
  'compact',
  'restart',
  'end',
  'cut',
  'mute',
  'backup',
  'restore',
  'restore in silence',
  'repeat',
  'bookmark',
  'refuse',
  'fail',
  'uninstall',
  'mend',
  'wait',
] as const
type Fault = (typeof FAULTS)[number]

const change = fc.record({
  do: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
  kind: fc.constantFrom('Pod' as const, 'Service' as const, 'PeerAuthentication' as const),
  name: fc.constantFrom(...NAMES),
  value: fc.integer({ min: 1, max: 250 }),
})
const stepsOf = (faults: readonly Fault[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 2, arbitrary: change },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom(...faults) }) },
    ),
    { maxLength: 60 },
  )

class World {
  readonly server = new TestApiServer()
  readonly #backups: Backup[] = []

  run(step: Step): Promise<void> | void {
    const { server } = this
    switch (step.do) {
      case 'put':
        return server.put(step.kind, objectOf(step.kind, step.name, step.value))
      case 'delete':
        return server.delete(step.kind, `shop/${step.name}`)
      case 'compact':
        return server.compact()
      case 'restart':
        return server.restart()
      case 'end':
        return server.endWatches()
      case 'cut':
        return server.cutWatches()
      case 'mute':
        return server.muteWatches()
      case 'backup':
        this.#backups.push(server.backup())
        return
      case 'restore':
        return this.#restore()
      case 'restore in silence': {
        const backup = this.#backups.at(-1)
        if (backup) server.restore(backup, true)
        return
      }
      case 'repeat':
        return server.repeat(4)
      case 'bookmark':
        return server.bookmark()
      case 'refuse':
        server.refused.set('/api/v1/pods', 403)
        return server.restart()
      case 'fail':
        server.failEvery = 3
        return
      case 'uninstall':
        server.absent.add(POLICIES)
        return server.restart()
      case 'mend':
        return this.mend()
      case 'wait':
        return pause(5)
    }
  }

  /** While etcd is replaced the API server answers nobody: long enough for each to have asked twice in vain. */
  async #restore(): Promise<void> {
    const { server } = this
    const backup = this.#backups.at(-1)
    if (!backup) return
    server.failEvery = 1
    const vain = new Map(WATCHED_KINDS.map(({ path }) => [path, 2]))
    const noticed = new Promise<void>((resolve) => {
      server.onRequest = (_what, { pathname }) => {
        vain.set(pathname, (vain.get(pathname) ?? 0) - 1)
        if ([...vain.values()].every((left) => left <= 0)) resolve()
      }
    })
    server.restore(backup, false)
    await noticed
    server.onRequest = () => {}
    server.failEvery = 0
  }

  mend(): void {
    this.server.absent.clear()
    this.server.refused.clear()
    this.server.failEvery = 0
  }
}

function objectOf(kind: string, name: string, value: number) {
  const metadata = { namespace: 'shop', name }
  if (kind === 'Pod')
    return { metadata, spec: { containers: [{ name: 'app' }] }, status: { podIP: `10.0.0.${value}` } }
  if (kind === 'Service') return { metadata, spec: { ports: [{ port: value }] } }
  const mode = value % 2 === 0 ? 'STRICT' : 'PERMISSIVE'
  return { apiVersion: 'weft.dev/v1alpha1', kind, metadata, spec: { mtls: { mode } } }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Tables sorted, so that the order in which things came is no difference. */
function contentOf(snapshot: Snapshot): unknown {
  return Object.fromEntries(
    Object.entries(snapshot).map(([name, table]) => [
      name,
      [...(table as ReadonlyMap<string, unknown>)].sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
  )
}

async function fresh(connection: KubernetesConnection): Promise<unknown> {
  const source = new KubernetesSource({ connection, log: silentLogger, times: TIMES, debounceMs: 0 })
  await source.synced
  source.close()
  return contentOf(source.snapshot.value)
}

// A history that went back in silence and overtook the old one tells nobody: only a list mends that.
for (const [name, faults, relistMs] of [
  ['after whatever is noticed', FAULTS.filter((fault) => fault !== 'restore in silence'), 600_000],
  ['after whatever happened', FAULTS, 100],
] as const) {
  t.test(`${name} the mesh is the one that a fresh start would see`, async (t) => {
    const seed = Number(process.env['WEFT_SEED'] ?? Date.now() % 1_000_000)
    t.comment(`WEFT_SEED=${seed} runs this again`)
    const property = fc.asyncProperty(stepsOf(faults), (sequence) => play(sequence, relistMs))
    await fc.assert(property, { numRuns: 50, seed, timeout: 15_000, endOnFailure: true })
  })
}

async function play(sequence: readonly Step[], relistMs: number): Promise<void> {
  const world = new World()
  await world.server.listen()
  for (const name of ['kube-system', 'shop']) world.server.put('Namespace', { metadata: { name } })
  await world.run({ do: 'backup' })
  const connection = world.server.connect()
  const times = { ...TIMES, relistMs }
  const source = new KubernetesSource({ connection, log: silentLogger, times, debounceMs: 1 })
  let least = Infinity
  source.snapshot.watch(({ namespaces }) => (least = Math.min(least, namespaces.size)))
  try {
    await source.synced
    for (const step of sequence) {
      await world.run(step)
      // So that some of it is seen before the next step.
      await new Promise(setImmediate)
    }
    world.mend()
    const expected = await fresh(connection)
    while (!isDeepStrictEqual(contentOf(source.snapshot.value), expected)) await pause(2)
    if (least < 2) throw new Error('there was a moment without namespaces')
  } finally {
    source.close()
    await connection.close()
    world.server.close()
  }
}
