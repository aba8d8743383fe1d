import t from 'tap'
import { BadRequest } from './session.ts'
import { DeltaClient, describe } from './testing/delta-client.ts'
import { BASE, ENVOY, GRPC, meshOf, service, SIDECAR, slice, split } from './testing/mesh.ts'

const ECHO = 'mesh/echo/80'
const versionIn = (client: DeltaClient, key: string): string => client.held.get(key) ?? ''

t.test('a name gets its resource, and a name of nothing is said to be nothing', async (t) => {
  const { view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  client.ask('cluster', { subscribe: [ECHO, 'mesh/none/80'] })
  t.match(client.inbox, [
    {
      resources: [{ name: ECHO, resource: { typeUrl: /Cluster$/ } }],
      removedResources: ['mesh/none/80'],
      nonce: /./,
      systemVersionInfo: String(view().version),
    },
  ])
  t.equal(client.inbox.length, 1)
  t.equal(versionIn(client, `cluster ${ECHO}`), '', 'not yet taken')
  client.take()
  t.equal(versionIn(client, `cluster ${ECHO}`), view().resource('cluster', ECHO, SIDECAR)?.version)
  client.session.push()
  t.strictSame(client.take(), [], 'nothing changed: nothing is pushed')
})

t.test('asked again: answered again, whether it exists or not', async (t) => {
  const { view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  const names = [ECHO, 'mesh/none/80']
  for (let round = 0; round < 3; round++) {
    client.ask('route', { subscribe: names })
    t.strictSame(client.take(), [`+route ${ECHO}`, '-route mesh/none/80'])
  }
  client.ask('route', { unsubscribe: [ECHO], subscribe: [ECHO] })
  t.strictSame(client.take(), [`+route ${ECHO}`])
})

t.test('who let go of a name hears no more of it', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  client.ask('route', { subscribe: [ECHO, 'mesh/echo-v1/80'] }).take()
  client.ask('route', { unsubscribe: [ECHO, 'mesh/never/80'] })
  t.strictSame(client.take(), [])
  source.put(split(90, 10))
  client.session.push()
  t.strictSame(client.take(), [])
})

t.test('a name that comes to be, changes and goes is told each time', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  client.ask('cluster', { subscribe: ['mesh/late/80'] })
  t.strictSame(client.take(), ['-cluster mesh/late/80'])
  source.put(service('late', 1))
  client.session.push()
  t.strictSame(client.take(), ['+cluster mesh/late/80'])
  source.apply([{ op: 'delete', kind: 'Service', key: 'mesh/late' }])
  client.session.push()
  t.strictSame(client.take(), ['-cluster mesh/late/80'])
  client.session.push()
  t.strictSame(client.take(), [])
})

t.test('only what changed is pushed', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  for (const type of ['cluster', 'endpoints', 'listener', 'route'] as const)
    client.ask(type, { subscribe: ['*'] })
  client.take()
  source.put(split(90, 10))
  client.session.push()
  t.strictSame(client.take(), [`+route ${ECHO}`])
  source.put(slice('echo-v2', ['10.0.0.2', '10.1.1.1']))
  client.session.push()
  t.strictSame(client.take(), ['+endpoints mesh/echo-v2/80'])
})

t.test('a client that comes back is told only what differs, also what is gone', async (t) => {
  const { source, view } = meshOf(BASE, service('leaves', 1))
  const before = new DeltaClient(view, SIDECAR)
  const names = [ECHO, 'mesh/echo-v1/80', 'mesh/leaves/80']
  before.ask('route', { subscribe: names }).take()
  before.ask('cluster', {}).take()
  const initial = (type: string) =>
    Object.fromEntries(
      [...before.held]
        .filter(([key]) => key.startsWith(`${type} `))
        .map(([key, v]) => [key.slice(type.length + 1), v]),
    )
  source.put(split(90, 10))
  source.apply([{ op: 'delete', kind: 'Service', key: 'mesh/leaves' }])
  const after = new DeltaClient(view, SIDECAR)
  after.ask('route', { subscribe: names, initial: { ...initial('route'), 'mesh/unasked/80': 'x' } })
  t.strictSame(after.take(), [`+route ${ECHO}`, '-route mesh/leaves/80'])
  after.ask('cluster', { initial: initial('cluster') })
  t.strictSame(after.take(), ['-cluster mesh/leaves/80'], 'under a wildcard, too')

  const again = new DeltaClient(view, SIDECAR)
  again.ask('route', { subscribe: [ECHO], initial: { [ECHO]: versionIn(after, `route ${ECHO}`) } })
  t.equal(again.inbox.length, 1, 'nothing differs: the client hears so')
  t.strictSame(again.take(), [])
  t.equal(again.session.version, view().version, 'and counts as current')
})

t.test('wildcards: the legacy form, the explicit one, and names beside them', async (t) => {
  const { source, view } = meshOf(BASE)
  const all = view()
    .names('cluster', SIDECAR)
    .map((name) => `+cluster ${name}`)
  const client = new DeltaClient(view, SIDECAR)
  client.ask('cluster', {})
  t.strictSame(client.take(), all)
  client.ask('route', {})
  t.strictSame(client.take(), [], 'routes have no legacy wildcard')
  // "the server must resend any newly requested resources, even if it previously sent those"
  client.ask('cluster', { subscribe: [ECHO, 'pod/mesh/client/8080'] })
  t.strictSame(client.take().sort(), [`+cluster ${ECHO}`, '+cluster pod/mesh/client/8080'])
  client.ask('cluster', { unsubscribe: [ECHO, 'pod/mesh/client/8080'] })
  t.strictSame(
    client.take().sort(),
    [`+cluster ${ECHO}`, '-cluster pod/mesh/client/8080'],
    'told what the wildcard still gives',
  )
  client.ask('cluster', { subscribe: ['mesh/echo-v1/80'] }).take()
  client.ask('cluster', { unsubscribe: ['*'] })
  t.strictSame(client.take(), [])
  t.strictSame([...client.held.keys()], ['cluster mesh/echo-v1/80'])
  source.put(service('more', 1))
  client.session.push()
  t.strictSame(client.take(), [])
  client.ask('cluster', { subscribe: ['*'] })
  t.equal(client.take().length, all.length, 'all but the one that it holds, and the new one')

  const empty = new DeltaClient(meshOf('').view, { ...SIDECAR, pod: '' })
  empty.ask('listener', {})
  t.match(empty.inbox, [{ resources: [], removedResources: [] }], 'a wildcard of nothing is answered')
})

t.test('a refusal is told of until something that was refused is taken', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  client.ask('route', { subscribe: [ECHO] }).take()
  client.ask('cluster', { subscribe: [ECHO] }).take()
  t.equal(client.session.version, view().version)
  const good = view().version
  source.put(split(90, 10))
  client.session.push()
  const [bad] = client.inbox.splice(0)
  client.answer(bad ?? {}, 'virtual_hosts[0]: no\ngood')
  t.equal(client.session.rejected, 'route: virtual_hosts[0]: no good')
  t.strictSame(client.rejections, ['route: virtual_hosts[0]: no good'])
  t.equal(client.session.version, good, 'the version that was taken last')
  client.answer(bad ?? {}, 'again')
  t.equal(client.rejections.length, 1, 'one response is refused once')

  client.ask('route', { subscribe: ['mesh/echo-v1/80'] }).take()
  t.match(client.session.rejected, /^route/, 'what was refused is still not in force')
  client.ask('cluster', { subscribe: ['mesh/echo-v1/80'] }).take()
  t.match(client.session.rejected, /^route/)
  source.put(split(50, 50))
  client.session.push()
  client.take()
  t.equal(client.session.rejected, '')
  t.equal(client.session.version, view().version)
})

t.test('an answer to an earlier response acknowledges nothing newer', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new DeltaClient(view, SIDECAR)
  client.ask('route', { subscribe: [ECHO] })
  source.put(split(90, 10))
  client.session.push()
  const [first, second] = client.inbox.splice(0)
  const earlier = client.session.version
  client.answer(first ?? {})
  client.answer({ ...second, nonce: 'none-of-ours' })
  t.equal(client.session.version, earlier)
  client.answer(second ?? {})
  t.equal(client.session.version, view().version)
  t.strictSame(client.inbox, [], 'acknowledgements are not answered')
})

t.test('make before break: what is new before routes, what is stale after them', async (t) => {
  const { source, view } = meshOf(BASE, service('old', 1), slice('old', ['10.1.0.1']), split(1, 1))
  const client = new DeltaClient(view, SIDECAR)
  for (const type of ['route', 'listener', 'endpoints', 'cluster'] as const)
    client.ask(type, { subscribe: ['*'] })
  client.take()
  source.put([service('new', 2), slice('new', ['10.1.0.2']), split(1, 2)].join('---\n'))
  source.apply([{ op: 'delete', kind: 'Service', key: 'mesh/old' }])
  client.session.push()
  t.strictSame(client.take(), [
    '+cluster mesh/new/80',
    '+endpoints mesh/new/80',
    '+listener outbound/10.96.9.2:80',
    '-listener outbound/10.96.9.1:80',
    `+route ${ECHO}`,
    '+route mesh/new/80',
    '-route mesh/old/80',
    '-cluster mesh/old/80',
    '-endpoints mesh/old/80',
  ])
})

t.test('Envoy gets the endpoints of a cluster that changed again: it warms by them', async (t) => {
  for (const { takes } of [ENVOY, SIDECAR, GRPC]) {
    const { source, view } = meshOf(BASE)
    const client = new DeltaClient(view, { ...ENVOY, takes })
    client
      .ask('cluster', {})
      .ask('endpoints', { subscribe: [ECHO, 'mesh/echo-v1/80'] })
      .take()
    source.put(
      `apiVersion: v1
kind: Service
metadata: { name: echo, namespace: mesh }
spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80, targetPort: 8080, appProtocol: kubernetes.io/h2c }] }
`,
    )
    client.session.push()
    t.strictSame(client.take(), [
      `+cluster ${ECHO}`,
      ...(takes === ENVOY.takes ? [`+endpoints ${ECHO}`] : []),
    ])
  }
})

t.test('a large answer comes in parts, each with its own acknowledgement', async (t) => {
  const addresses = Array.from({ length: 1000 }, (_, at) => `10.${20 + (at >> 8)}.${at & 255}.1`)
  const names = Array.from({ length: 30 }, (_, at) => `big-${at}`)
  const { view } = meshOf(...names.map((name, at) => `${service(name, at)}---\n${slice(name, addresses)}`))
  const client = new DeltaClient(view, SIDECAR)
  client.ask('endpoints', { subscribe: ['*'] })
  const parts = client.inbox.map((one) => ({
    count: describe(one).length,
    bytes: (one.resources ?? []).reduce((sum, { resource }) => sum + (resource?.value?.length ?? 0), 0),
  }))
  t.ok(parts.length > 1, `${parts.length} responses`)
  t.ok(parts.every(({ bytes }) => bytes <= 1024 * 1024))
  t.equal(
    parts.reduce((sum, { count }) => sum + count, 0),
    30,
  )
  t.equal(new Set(client.inbox.map(({ nonce }) => nonce)).size, parts.length)
  const [first, ...rest] = client.inbox.splice(0)
  client.answer(first ?? {}, 'too big')
  for (const response of rest) client.answer(response)
  t.equal(client.session.rejected, 'endpoints: too big', 'the other parts do not make up for it')
  t.equal(client.session.version, 0)
})

t.test('names of nothing are told in parts, too', async (t) => {
  const client = new DeltaClient(meshOf('').view, SIDECAR)
  const long = 'x'.repeat(1000)
  client.ask('route', { subscribe: Array.from({ length: 3000 }, (_, at) => `${long}${at}`) })
  t.ok(client.inbox.length >= 3, `${client.inbox.length} responses`)
  t.equal(client.take().length, 3000)
})

t.test('requests that cannot be answered say so', async (t) => {
  const { view } = meshOf(BASE)
  const fails = (act: (client: DeltaClient) => void): BadRequest => {
    try {
      act(new DeltaClient(view, SIDECAR))
    } catch (error) {
      if (error instanceof BadRequest) return error
      throw error
    }
    throw new Error('it was answered')
  }
  const many = (from: number, count: number) => Array.from({ length: count }, (_, at) => `a/b/${from + at}`)
  const unknown = fails((client) => client.handle({ typeUrl: 'type.googleapis.com/Some\nThing' }))
  t.match(
    unknown.message,
    /^type_url: "type\.googleapis\.com\/Some Thing" is not served; served are .*Cluster/,
  )
  t.notOk(unknown.exhausted)
  t.match(fails((client) => client.handle({})).message, /^type_url/)
  const half = fails((client) => client.handle({ typeUrl: `${'x'.repeat(499)}\u{1f600}${'y'.repeat(9999)}` }))
  t.ok(half.message.isWellFormed(), 'gRPC could not send it')
  t.ok(half.message.length < 1000)
  t.match(
    fails((client) => client.ask('route', { subscribe: ['x'.repeat(1025)] })).message,
    /^resource_names_subscribe: .*1025.*1024/,
  )
  t.match(
    fails((client) => client.ask('route', { subscribe: ['a'], initial: { ['x'.repeat(2000)]: '1' } }))
      .message,
    /^initial_resource_versions/,
  )
  const exhausted = fails((client) =>
    client.ask('route', { subscribe: many(0, 30_000) }).ask('route', { subscribe: many(30_000, 20_001) }),
  )
  t.ok(exhausted.exhausted)
  t.match(exhausted.message, /^resource_names_subscribe: more than 50000 names/)
  t.doesNotThrow(() => {
    const client = new DeltaClient(view, SIDECAR)
    client.ask('route', { subscribe: many(0, 30_000) }).ask('route', { subscribe: many(0, 30_000) })
  }, 'the same names again are no more names')
})
