import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { createLogger, silentLogger, type Logger } from '../../../core/log.ts'
import { parseManifests } from '../parse-manifests.ts'
import { EMPTY_SNAPSHOT, applyChanges, type Snapshot } from '../snapshot.ts'
import { formatSourceError } from '../source.ts'
import { KubernetesSource } from './kubernetes-source.ts'
import type { WatchTimes } from './reflector.ts'
import { WATCHED_KINDS } from './resources.ts'
import { TestApiServer, type RawObject } from './testing/api-server.ts'

const alive = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(alive))

const TIMES: Partial<WatchTimes> = { retryBaseMs: 5, retryMaxMs: 20, absentMs: 20, graceMs: 100 }
const PODS = '/api/v1/pods'
const POLICIES = '/apis/weft.dev/v1alpha1/peerauthentications'

const service = (name: string, port = 80, more: object = {}): RawObject => ({
  metadata: { namespace: 'shop', name, ...more },
  spec: { ports: [{ port }] },
})
const pod = (name: string, ip: string): RawObject => ({
  metadata: { namespace: 'shop', name },
  spec: { containers: [{ name: 'app' }] },
  status: { podIP: ip, phase: 'Running' },
})
const policy = (mode: string): RawObject => ({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'PeerAuthentication',
  metadata: { namespace: 'shop', name: 'default' },
  spec: { mtls: { mode } },
})

async function serving(t: Test): Promise<TestApiServer> {
  const server = await new TestApiServer().listen()
  t.teardown(() => server.close())
  for (const name of ['kube-system', 'shop']) server.put('Namespace', { metadata: { name } })
  return server
}

function open(
  t: Test,
  server: TestApiServer,
  times: Partial<WatchTimes> = {},
  log: Logger = silentLogger,
): KubernetesSource {
  const connection = server.connect()
  const source = new KubernetesSource({ connection, log, times: { ...TIMES, ...times }, debounceMs: 1 })
  t.teardown(async () => {
    source.close()
    await connection.close()
  })
  return source
}

async function synced(
  t: Test,
  server: TestApiServer,
  times: Partial<WatchTimes> = {},
): Promise<KubernetesSource> {
  const source = open(t, server, times)
  await source.synced
  await watching(server)
  return source
}

/** Every kind that is there has a watch. */
async function watching(server: TestApiServer): Promise<void> {
  while (server.watches < WATCHED_KINDS.length - server.absent.size - server.unwatchable.size)
    await new Promise((resolve) => setTimeout(resolve, 1))
}

async function until(source: KubernetesSource, holds: (snapshot: Snapshot) => boolean): Promise<void> {
  if (holds(source.snapshot.value)) return
  await new Promise<void>((resolve) => {
    const unwatch = source.snapshot.watch((snapshot) => {
      if (!holds(snapshot)) return
      unwatch()
      resolve()
    })
  })
}

async function untilErrors(source: KubernetesSource, pattern: RegExp | undefined): Promise<string[]> {
  const texts = (): string[] => source.errors.value.map(formatSourceError)
  const holds = (): boolean =>
    pattern === undefined ? texts().length === 0 : texts().some((text) => pattern.test(text))
  if (!holds()) {
    await new Promise<void>((resolve) => {
      const unwatch = source.errors.watch(() => {
        if (!holds()) return
        unwatch()
        resolve()
      })
    })
  }
  return texts()
}

const portOf = (snapshot: Snapshot, name: string): number | undefined =>
  snapshot.services.get(`shop/${name}`)?.ports[0]?.port

t.test('an object from the API gives the same model as from a manifest', async (t) => {
  const server = await serving(t)
  const text = ['base', 'consumer-route/manifests', 'grpc-match/manifests', 'inbound-strict/manifests']
    .map((name) => readFileSync(join(import.meta.dirname, `../../golden/${name}.yaml`), 'utf8'))
    .join('\n---\n')
  for (const document of parseAllDocuments(text)) {
    const raw = document.toJS() as (RawObject & { kind: string }) | null
    if (!raw || !WATCHED_KINDS.some(({ kind }) => kind === raw.kind)) continue
    const annotations = {
      ...(raw.metadata['annotations'] as object | undefined),
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(raw),
    }
    const managedFields = [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }]
    server.put(raw.kind, {
      ...raw,
      metadata: { ...raw.metadata, selfLink: '/x', annotations, managedFields },
    })
  }
  const { objects, errors } = parseManifests('base.yaml', text)
  t.strictSame(errors, [])
  const expected = applyChanges(
    EMPTY_SNAPSHOT,
    objects.map(({ object }) => ({ op: 'put', object })),
  )
  const { snapshot } = await synced(t, server)
  const known = new Set(expected.namespaces.keys())
  for (const [table, rows] of Object.entries(snapshot.value) as [keyof Snapshot, Map<string, unknown>][]) {
    if (table === 'namespaces') for (const name of rows.keys()) if (!known.has(name)) rows.delete(name)
    t.strictSame(rows, expected[table], table)
  }
  t.ok(snapshot.value.httpRoutes.size > 0 && snapshot.value.peerAuthentications.size > 0)
})

t.test('nothing is told before every kind was read, and then all of it at once', async (t) => {
  const server = await serving(t)
  server.put('Service', service('a'))
  server.refused.set(PODS, 403)
  const source = open(t, server)
  const texts = await untilErrors(source, /pods/)
  t.match(texts, [
    /^Pod: list pods at http.*: 403 Forbidden: .*; grant verb "list" on resource "pods" of apiGroup "" in a ClusterRole$/,
  ])
  t.match(source.waitsFor, /^lists (?=.*Pod).*; list pods at .*: 403/)
  t.equal(source.snapshot.value, EMPTY_SNAPSHOT)
  server.refused.clear()
  server.put('Pod', pod('a-1', '10.0.0.1'))
  const seen: Snapshot[] = []
  source.snapshot.watch((snapshot) => seen.push(snapshot))
  await source.synced
  t.equal(seen.length, 1)
  t.match([seen[0]?.services.size, seen[0]?.pods.size, seen[0]?.namespaces.size], [1, 1, 2])
  await untilErrors(source, undefined)
})

t.test(
  'a kind that is to be watched later is watched later, and is a problem only when it stays so',
  async (t) => {
    const server = await serving(t)
    server.put('Pod', pod('a-1', '10.0.0.1'))
    let refusals = 0
    let allowed = 3
    server.unwatchable.set(PODS, 429)
    server.onRequest = (what) => {
      if (what === `watch ${PODS}` && ++refusals > allowed) server.unwatchable.delete(PODS)
    }
    const source = open(t, server)
    let told = 0
    source.errors.watch((errors) => (told += errors.length))
    await source.synced
    await watching(server)
    server.put('Pod', pod('a-2', '10.0.0.2'))
    await until(source, ({ pods }) => pods.has('shop/a-2'))
    t.strictSame([refusals, told], [4, 0])

    server.unwatchable.set(PODS, 429)
    allowed = Infinity
    server.restart()
    const texts = await untilErrors(source, /429/)
    t.match(texts[0], /^Pod: watch pods at .*: 429 Forbidden: Forbidden by the test$/)
    server.unwatchable.delete(PODS)
    await untilErrors(source, undefined)
    t.ok(source.snapshot.value.pods.has('shop/a-2'))
  },
)

t.test('a watch that alone is refused is told, and what was listed is there', async (t) => {
  const server = await serving(t)
  server.unwatchable.set(PODS, 403)
  server.put('Pod', pod('a-1', '10.0.0.1'))
  const source = open(t, server)
  await source.synced
  await untilErrors(source, /watch pods at .*403.*grant verb "watch" on resource "pods"/)
  server.put('Pod', pod('a-2', '10.0.0.2'))
  await until(source, ({ pods }) => pods.size === 2)
  server.unwatchable.clear()
  await untilErrors(source, undefined)
})

t.test('changes are followed, and what the mesh does not read is no change', async (t) => {
  const server = await serving(t)
  for (const name of ['a', 'b', 'c']) server.put('Service', service(name))
  const source = await synced(t, server, { pageSize: 2 })
  const before = source.snapshot.value
  t.equal(before.services.size, 3, 'from two pages')
  let published = 0
  source.snapshot.watch(() => published++)
  server.put('Service', service('a', 80, { managedFields: [1], labels: {} }))
  server.put('Service', service('b', 81))
  await until(source, (now) => portOf(now, 'b') === 81)
  t.equal(source.snapshot.value.services.get('shop/a'), before.services.get('shop/a'))
  t.equal(source.snapshot.value.pods, before.pods)
  server.delete('Service', 'shop/c')
  await until(source, (now) => now.services.size === 2)
  t.equal(published, 2)
})

t.test(
  'a wrong object is told by its field, keeps its last good state and takes no other down',
  async (t) => {
    const server = await serving(t)
    server.put('Service', service('a'))
    server.put('Service', service('wrong', 0))
    const lines: string[] = []
    const source = open(
      t,
      server,
      {},
      createLogger('test', 'error', (line) => lines.push(line)),
    )
    await source.synced
    const expected = 'Service shop/wrong: spec.ports[0].port: must be an integer from 1 to 65,535, got 0'
    t.strictSame(await untilErrors(source, /wrong/), [expected])
    t.strictSame([...source.snapshot.value.services.keys()], ['shop/a'])
    server.put('Service', service('a', 0))
    server.put('Service', service('b'))
    await until(source, (now) => now.services.has('shop/b'))
    t.equal(portOf(source.snapshot.value, 'a'), 80)
    t.equal(source.errors.value.length, 2)
    server.restart()
    await watching(server)
    t.equal(source.errors.value.length, 2)
    server.put('Service', service('a', 81))
    server.delete('Service', 'shop/wrong')
    await until(source, (now) => portOf(now, 'a') === 81)
    await untilErrors(source, undefined)
    t.equal(lines.filter((line) => line.includes('shop/wrong')).length, 1, 'and logged once')
  },
)

t.test('a kind that is not installed is nothing wrong, and noticed when it comes', async (t) => {
  const server = await serving(t)
  server.absent.add(POLICIES)
  const source = await synced(t, server)
  t.equal(source.errors.value.length, 0)
  server.absent.clear()
  server.put('PeerAuthentication', policy('STRICT'))
  await until(source, (now) => now.peerAuthentications.size === 1)
})

t.test('policies stay when their kind is gone for a moment, and go when it stays away', async (t) => {
  const server = await serving(t)
  server.put('PeerAuthentication', policy('STRICT'))
  const source = await synced(t, server, { absentMs: 150 })
  let asked = 0
  let gone = false
  source.snapshot.watch((now) => (gone ||= now.peerAuthentications.size === 0))
  await new Promise<void>((resolve) => {
    server.onRequest = (what) => {
      if (what !== `list ${POLICIES}`) return
      if (++asked === 1) return
      server.onRequest = () => {}
      server.absent.clear()
      resolve()
    }
    server.absent.add(POLICIES)
    server.restart()
  })
  await watching(server)
  t.equal(gone, false)
  server.absent.add(POLICIES)
  server.restart()
  await until(source, (now) => now.peerAuthentications.size === 0)
})

t.test('a watch goes on from where it was, also from a bookmark', async (t) => {
  const server = await serving(t)
  const source = await synced(t, server)
  const from: string[] = []
  const lists: string[] = []
  server.onRequest = (what, url) => {
    if (what === `watch ${PODS}`) from.push(url.searchParams.get('resourceVersion') ?? '')
    if (what === `list ${PODS}`) lists.push(url.searchParams.get('limit') ?? 'all')
  }
  server.put('Pod', pod('a', '10.0.0.1'))
  await until(source, ({ pods }) => pods.size === 1)
  const first = String(server.version)
  server.cutWatches()
  await watching(server)
  server.put('Service', service('x'))
  server.bookmark()
  server.put('Pod', pod('b', '10.0.0.2'))
  await until(source, ({ pods }) => pods.size === 2)
  server.endWatches()
  await watching(server)
  t.strictSame(from, [first, String(server.version)])
  t.strictSame(lists, ['1', '1'], 'nothing was listed again')
})

t.test('compaction: what happened meanwhile is there, what is gone is gone', async (t) => {
  const server = await serving(t)
  server.put('Pod', pod('a', '10.0.0.1'))
  const source = await synced(t, server)
  server.muteWatches()
  server.delete('Pod', 'shop/a')
  server.put('Pod', pod('b', '10.0.0.2'))
  server.compact()
  server.restart()
  await until(source, ({ pods }) => pods.size === 1 && pods.has('shop/b'))
})

t.test('compaction between two pages: the list is made without pages', async (t) => {
  const server = await serving(t)
  for (const name of ['a', 'b', 'c', 'd']) server.put('Pod', pod(name, '10.0.0.1'))
  const limits: (string | null)[] = []
  server.onRequest = (what, url) => {
    if (what !== `list ${PODS}`) return
    limits.push(url.searchParams.get('limit'))
    if (url.searchParams.has('continue')) server.compact()
  }
  const source = await synced(t, server, { pageSize: 2 })
  t.equal(source.snapshot.value.pods.size, 4)
  t.strictSame(limits, ['2', '2', null])
})

for (const silent of [false, true]) {
  t.test(`an older etcd is noticed${silent ? ' although no connection broke' : ''}`, async (t) => {
    const server = await serving(t)
    server.put('Pod', pod('old', '10.0.0.1'))
    const backup = server.backup()
    server.put('Pod', pod('new', '10.0.0.2'))
    for (let at = 0; at < 20; at++) server.put('Service', service('x', 80 + at))
    const source = await synced(t, server, { watchMs: silent ? 50 : 30_000 })
    t.equal(source.snapshot.value.pods.size, 2)
    server.restore(backup, silent)
    await until(source, ({ pods, services }) => pods.size === 1 && services.size === 0)
    server.put('Pod', pod('newer', '10.0.0.3'))
    await until(source, ({ pods }) => pods.size === 2 && pods.has('shop/newer'))
  })
}

t.test('an event of an older version makes it list anew', async (t) => {
  const server = await serving(t)
  server.put('Pod', pod('a', '10.0.0.1'))
  const backup = server.backup()
  for (let at = 0; at < 5; at++) server.put('Pod', pod('a', `10.0.1.${at}`))
  const source = await synced(t, server)
  server.muteWatches()
  server.restore(backup, true)
  server.put('Pod', pod('b', '10.0.0.9'))
  server.restart()
  await until(source, ({ pods }) => pods.size === 2 && pods.get('shop/a')?.ips[0] === '10.0.0.1')
})

t.test('events that come twice change nothing', async (t) => {
  const server = await serving(t)
  const source = await synced(t, server)
  server.put('Pod', pod('a', '10.0.0.1'))
  await until(source, ({ pods }) => pods.size === 1)
  server.put('Pod', pod('b', '10.0.0.1'))
  server.delete('Pod', 'shop/a')
  server.repeat(1)
  await until(source, ({ pods }) => [...pods.keys()].join() === 'shop/b')
  server.repeat(3, 2)
  server.put('Pod', pod('c', '10.0.0.1'))
  await until(source, ({ pods }) => pods.has('shop/c'))
  await until(source, ({ pods }) => [...pods.keys()].join() === 'shop/b,shop/c')
})

t.test('a watch that hangs in silence is left', async (t) => {
  const server = await serving(t)
  const source = await synced(t, server, { watchMs: 100, graceMs: 50 })
  server.muteWatches()
  server.put('Pod', pod('a', '10.0.0.1'))
  await until(source, ({ pods }) => pods.size === 1)
})

t.test('while the API server is away the last state stays, and the reason is told', async (t) => {
  const server = await serving(t)
  server.put('Pod', pod('a', '10.0.0.1'))
  const source = await synced(t, server)
  let least = Infinity
  source.snapshot.watch(({ namespaces }) => (least = Math.min(least, namespaces.size)))
  server.failEvery = 1
  server.restart()
  await untilErrors(source, /Pod: list pods at .*: 500 InternalError/)
  server.put('Pod', pod('b', '10.0.0.2'))
  t.equal(source.snapshot.value.pods.size, 1)
  server.failEvery = 0
  await until(source, ({ pods }) => pods.size === 2)
  await untilErrors(source, undefined)
  t.equal(least, 2)
})

t.test('a burst of events is few changes', async (t) => {
  const server = await serving(t)
  const connection = server.connect()
  const source = new KubernetesSource({ connection, log: silentLogger, times: TIMES })
  t.teardown(async () => {
    source.close()
    await connection.close()
  })
  await source.synced
  await watching(server)
  let published = 0
  source.snapshot.watch(() => published++)
  for (let at = 0; at < 1000; at++) server.put('Pod', pod(`p-${at}`, '10.0.0.1'))
  await until(source, ({ pods }) => pods.size === 1000)
  t.ok(published < 50, `${published} changes of 1,000 events`)
})

t.test('closed before it is synced it says so, and asks no more', async (t) => {
  const server = await serving(t)
  server.refused.set(PODS, 403)
  const source = open(t, server)
  await untilErrors(source, /pods/)
  source.close()
  await t.rejects(source.synced, { code: 'registry.closed' })
})
