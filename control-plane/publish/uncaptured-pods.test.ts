import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import type { ApiRequest, KubernetesConnection } from '../kubernetes/connection.ts'
import { repairUncaptured } from './uncaptured-pods.ts'
import type { WriterContext } from './writer.ts'

interface PodChange {
  readonly exitCode?: number
  readonly last?: boolean
  readonly bare?: boolean
  readonly node?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly deletionTimestamp?: string
}

function pod(name: string, change: PodChange = {}) {
  const { exitCode = 41, last = false, bare = false, node = 'one', labels, deletionTimestamp } = change
  const state = { terminated: { exitCode } }
  return {
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      labels,
      deletionTimestamp,
      ...(bare ? {} : { ownerReferences: [{ controller: true }] }),
    },
    spec: { nodeName: node },
    status: {
      initContainerStatuses: [
        { name: 'weft-init', ...(last ? { state: { waiting: {} }, lastState: state } : { state }) },
      ],
    },
  }
}

const daemon = (node: string, status: string) => ({
  metadata: { namespace: 'weft-system', name: `weft-cni-${node}`, uid: node },
  spec: { nodeName: node },
  status: { conditions: [{ type: 'Ready', status }] },
})

/** Looks `times` times at what the API server has, and gives what it wrote there. */
async function writesOf(
  repair: 'label' | 'delete',
  pods: readonly object[],
  { mayWrite = true, times = 1, daemons = [daemon('one', 'True'), daemon('two', 'False')] } = {},
): Promise<readonly ApiRequest[]> {
  const writes: ApiRequest[] = []
  let looks = 0
  const { promise: looked, resolve } = Promise.withResolvers<void>()
  const connection: Pick<KubernetesConnection, 'request'> = {
    async request(request) {
      if (request.method !== 'GET') writes.push(request)
      else if (request.path === '/api/v1/pods') {
        t.match(request.query, {
          labelSelector: 'weft.dev/injected=true',
          fieldSelector: 'status.phase=Pending',
        })
        // In two pages.
        if (request.query?.['continue'] === undefined)
          return { items: pods.slice(0, 1), metadata: { continue: 'more' } }
        return { items: pods.slice(1), metadata: {} }
      } else return { items: daemons, metadata: {} }
      return undefined
    },
  }
  const clock = new ManualClock(0)
  const after = clock.after.bind(clock)
  clock.after = (ms, run) => {
    if (++looks >= times) resolve()
    return after(ms, run)
  }
  const context = { connection, namespace: 'weft-system', mayWrite: () => mayWrite, log: silentLogger, clock }
  const writer = repairUncaptured(repair)(context as unknown as WriterContext)
  const isDone = () => looks >= times
  while (!isDone()) {
    await new Promise((done) => setImmediate(done))
    if (!isDone()) clock.advance(15_000)
  }
  await looked
  await writer.stop()
  return writes
}

t.test(
  'deleted are those that somebody makes anew, where the plugin is by now, and no other pod of the name',
  async (t) => {
    const writes = await writesOf('delete', [
      pod('held'),
      pod('again', { last: true }),
      pod('other-failure', { exitCode: 1 }),
      pod('bare', { bare: true }),
      pod('no-plugin-there', { node: 'two' }),
      pod('no-daemon-there', { node: 'three' }),
      pod('going', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ])
    t.same(
      writes.map(({ method, path, body }) => ({ method, path, body })),
      ['held', 'again'].map((name) => ({
        method: 'DELETE',
        path: `/api/v1/namespaces/shop/pods/${name}`,
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: `uid-${name}` } },
      })),
    )
  },
)

t.test('labelled are all that are not yet', async (t) => {
  const writes = await writesOf('label', [
    pod('held'),
    pod('bare', { bare: true, node: 'three' }),
    pod('labelled', { labels: { 'weft.dev/uncaptured': 'true' } }),
    pod('fine', { exitCode: 0 }),
  ])
  t.same(
    writes.map(({ method, path, body }) => ({ method, path, body })),
    ['held', 'bare'].map((name) => ({
      method: 'PATCH',
      path: `/api/v1/namespaces/shop/pods/${name}`,
      body: { metadata: { uid: `uid-${name}`, labels: { 'weft.dev/uncaptured': 'true' } } },
    })),
  )
})

t.test('few at a time, and none by a replica that does not lead', async (t) => {
  const many = Array.from({ length: 25 }, (_, at) => pod(`held-${at}`))
  t.equal((await writesOf('delete', many)).length, 10)
  t.equal((await writesOf('delete', many, { times: 2 })).length, 20)
  t.equal((await writesOf('label', many)).length, 10)
  t.equal((await writesOf('delete', many, { mayWrite: false })).length, 0)
})
