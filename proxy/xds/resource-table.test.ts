import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import {
  broken,
  clusterOf,
  endpointsAt,
  listenerTo,
  routesTo,
  tcpListenerTo,
} from '../testing/wire-resources.ts'
import type { ResourceKind } from './decode.ts'
import { KINDS, ResourceTable, type HeldResource, type ResourceTableOptions } from './resource-table.ts'

const MINUTE = 60_000
/** What each kind leads to. */
const NEXT: Readonly<Record<ResourceKind, ResourceKind | undefined>> = {
  listener: 'route',
  route: 'cluster',
  cluster: 'endpoints',
  endpoints: undefined,
}

function setUp(options: ResourceTableOptions = {}) {
  const clock = new ManualClock()
  const told: string[] = []
  const table = new ResourceTable({ clock, idleMs: 10 * MINUTE, ...options })
  table.subscribe({
    wanted: (kind, name) => void told.push(`+${kind} ${name}`),
    unwanted: (kind, name) => void told.push(`-${kind} ${name}`),
  })
  return { clock, table, told }
}

/** What the server sends for one destination, in its order. */
function destination(table: ResourceTable): void {
  table.apply('listener', [listenerTo('outbound/10.0.0.1:80', 'shop/web/80')], [])
  table.apply('route', [routesTo('shop/web/80', ['shop/web-v1/80', 'shop/web-v2/80'])], [])
  table.apply('cluster', [clusterOf('shop/web-v1/80', 'v1'), clusterOf('shop/web-v2/80', 'v2')], [])
  table.apply('endpoints', [endpointsAt('v1', ['10.1.0.1']), endpointsAt('v2', ['10.1.0.2'])], [])
}

t.test('a name is wanted once, at its first use', (t) => {
  const { table, told } = setUp()
  t.equal(table.listener('outbound/10.0.0.1:80').value, undefined, 'nothing is known yet')
  table.listener('outbound/10.0.0.1:80')
  table.cluster('c')
  table.endpoints('e')
  table.route('r')
  t.strictSame(told, ['+listener outbound/10.0.0.1:80', '+cluster c', '+endpoints e', '+route r'])
  t.end()
})

t.test('what a resource leads to is asked for with it', (t) => {
  const { table, told } = setUp()
  const listener = table.listener('outbound/10.0.0.1:80')
  const heard: unknown[] = []
  // The names behind are on their way when the runtime hears of the resource.
  listener.watch(() => heard.push(told.includes('+route shop/web/80')))
  destination(table)
  t.strictSame(heard, [true])
  t.strictSame(told, [
    '+listener outbound/10.0.0.1:80',
    '+route shop/web/80',
    '+cluster shop/web-v1/80',
    '+cluster shop/web-v2/80',
    '+endpoints v1',
    '+endpoints v2',
  ])
  t.match(table.endpoints('v1').value, { endpoints: [{ address: '10.1.0.1', port: 8080 }] })
  t.equal(told.length, 6, 'and using them asks for nothing again')
  t.end()
})

t.test('a cluster that an opaque listener names is asked for', (t) => {
  const { table, told } = setUp()
  table.listener('outbound/10.0.0.1:5432')
  table.apply('listener', [tcpListenerTo('outbound/10.0.0.1:5432', 'shop/db/5432')], [])
  t.ok(told.includes('+cluster shop/db/5432'))
  t.end()
})

t.test('a resource that cannot be read leaves the one before; the rest of the response is taken', (t) => {
  const { table } = setUp()
  table.endpoints('a')
  table.endpoints('b')
  table.apply('endpoints', [endpointsAt('a', ['10.1.0.1']), endpointsAt('b', ['10.1.0.2'])], [])
  const before = table.endpoints('a').value
  const problems = table.apply(
    'endpoints',
    [broken(endpointsAt('a', [])), endpointsAt('b', ['10.1.0.3'], '2')],
    [],
  )
  t.equal(problems.length, 1)
  t.match(problems[0], /^a: /)
  t.equal(table.endpoints('a').value, before)
  t.match(table.endpoints('b').value, { endpoints: [{ address: '10.1.0.3' }] })
  t.strictSame(
    table.held('endpoints').map(({ name, version }) => `${name} ${version}`),
    ['a 1', 'b 2'],
    'what is said to be held is what is in force',
  )
  t.end()
})

t.test('an unsupported field is refused by its path', (t) => {
  const { table } = setUp()
  table.cluster('c')
  const [problem] = table.apply('cluster', [{ ...endpointsAt('c', []), name: 'c' }], [])
  t.match(problem, /^c: .*ClusterLoadAssignment where .*Cluster belongs/)
  t.equal(table.cluster('c').value, undefined)
  t.end()
})

t.test('what a proxy would not do is not taken in silence', (t) => {
  for (const [field, path] of [
    ['stripAnyHostPort', 'strip_any_host_port'],
    ['addUserAgent', 'add_user_agent'],
    ['generateRequestId', 'generate_request_id'],
  ] as const) {
    const { table } = setUp()
    table.listener('l')
    const [problem = ''] = table.apply('listener', [listenerTo('l', 'r', '1', { [field]: true })], [])
    t.match(problem, path)
    t.equal(table.listener('l').value, undefined)
  }
  t.end()
})

t.test('a resource that is gone is null, and comes back', (t) => {
  const { table } = setUp()
  const watched = table.cluster('c')
  table.apply('cluster', [clusterOf('c', 'e')], [])
  table.apply('cluster', [], ['c'])
  t.equal(watched.value, null)
  t.strictSame(table.absent('cluster'), ['c'])
  t.strictSame(table.held('cluster'), [])
  table.apply('cluster', [clusterOf('c', 'e')], [])
  t.match(watched.value, { name: 'c' })
  t.strictSame(table.absent('cluster'), [])
  t.end()
})

t.test('names that nobody wants are passed over', (t) => {
  const { table, told } = setUp()
  t.strictSame(table.apply('cluster', [clusterOf('c', 'e'), broken(clusterOf('d', 'e'))], ['f']), [])
  t.strictSame([told, table.names('cluster'), table.names('endpoints')], [[], [], []])
  t.end()
})

t.test('the same bytes again disturb nobody', (t) => {
  const { table } = setUp()
  const watched = table.cluster('c')
  table.apply('cluster', [clusterOf('c', 'e')], [])
  let times = 0
  watched.watch(() => times++)
  table.apply('cluster', [clusterOf('c', 'e', '7')], [])
  t.equal(times, 0)
  t.equal(table.held('cluster')[0]?.version, '7')
  table.apply('cluster', [clusterOf('c', 'other', '8')], [])
  t.equal(times, 1)
  t.end()
})

t.test('a pinned name outlives disuse, and the word that it is gone', (t) => {
  const { clock, table, told } = setUp({ pinned: [{ kind: 'listener', name: 'inbound' }] })
  t.strictSame(table.names('listener'), ['inbound'], 'asked for from the beginning')
  table.apply('listener', [], ['inbound'])
  t.equal(table.listener('inbound').value, null, 'one that never was is not there')
  table.apply('listener', [tcpListenerTo('inbound', 'inbound')], [])
  const before = table.listener('inbound').value
  t.match(before, { name: 'inbound' })
  table.apply('listener', [], ['inbound'])
  t.equal(table.listener('inbound').value, before, 'a pod that goes serves on while it drains')
  t.equal(table.held('listener').length, 1)
  clock.advance(60 * MINUTE)
  t.equal(table.collect(), 0)
  t.notOk(told.some((one) => one.startsWith('-')))
  t.end()
})

t.test('listeners that bind an address are told as a set', (t) => {
  const { table } = setUp()
  table.listener('a')
  t.equal(table.listeners.value.size, 0)
  table.apply('listener', [tcpListenerTo('a', 'c')], [])
  t.equal(table.listeners.value.size, 0, 'one without an address is none of them')
  t.end()
})

t.test('collect forgets what nothing used for long, with all that only it led to', (t) => {
  const { clock, table, told } = setUp()
  table.listener('outbound/10.0.0.1:80')
  destination(table)
  clock.advance(10 * MINUTE - 1)
  t.equal(table.collect(), 0, 'not before its time')
  clock.advance(1)
  told.length = 0
  t.equal(table.collect(), 6)
  t.strictSame(
    told.toSorted(),
    [
      '-cluster shop/web-v1/80',
      '-cluster shop/web-v2/80',
      '-endpoints v1',
      '-endpoints v2',
      '-listener outbound/10.0.0.1:80',
      '-route shop/web/80',
    ].toSorted(),
  )
  for (const kind of KINDS) t.strictSame(table.names(kind), [])
  t.equal(table.listener('outbound/10.0.0.1:80').value, undefined, 'asked for again at its next use')
  t.ok(told.includes('+listener outbound/10.0.0.1:80'))
  t.end()
})

t.test('what is used keeps what it leads to', (t) => {
  const { clock, table } = setUp()
  table.listener('outbound/10.0.0.1:80')
  destination(table)
  clock.advance(9 * MINUTE)
  table.listener('outbound/10.0.0.1:80')
  clock.advance(9 * MINUTE)
  t.equal(table.collect(), 0)
  // Another answer leads elsewhere: what the former one alone led to goes at once.
  table.apply('route', [routesTo('shop/web/80', ['shop/web-v2/80'], '2')], [])
  t.equal(table.collect(), 2)
  t.strictSame(table.names('endpoints'), ['v2'])
  t.end()
})

t.test('what is watched stays', (t) => {
  const { clock, table } = setUp()
  const stop = table.cluster('c').watch(() => {})
  table.apply('cluster', [clusterOf('c', 'e')], [])
  clock.advance(60 * MINUTE)
  t.equal(table.collect(), 0)
  stop()
  t.equal(table.collect(), 2)
  t.end()
})

t.test('while the server is away only what is not known is forgotten', (t) => {
  const { clock, table } = setUp()
  table.listener('outbound/10.0.0.1:80')
  destination(table)
  table.listener('outbound/192.0.2.1:443')
  table.apply('listener', [], ['outbound/192.0.2.1:443'])
  table.listener('outbound/192.0.2.2:443')
  clock.advance(60 * MINUTE)
  t.equal(table.collect({ connected: false }), 1)
  t.strictSame(table.names('listener'), ['outbound/10.0.0.1:80', 'outbound/192.0.2.1:443'])
  t.equal(table.collect({ connected: true }), 7)
  t.end()
})

t.test('10,000 destinations used once and then idle leave nothing', (t) => {
  const { clock, table, told } = setUp({ pinned: [{ kind: 'listener', name: 'inbound' }] })
  const resources: HeldResource[] = []
  const absent: string[] = []
  for (let i = 0; i < 10_000; i++) {
    const name = `outbound/10.${i >> 8}.${i & 255}.1:80`
    table.listener(name)
    if (i % 2 === 0) resources.push(tcpListenerTo(name, `cluster-${i}`))
    else absent.push(name)
  }
  table.apply('listener', resources, absent)
  t.equal(table.names('listener').length, 10_001)
  t.equal(table.names('cluster').length, 5000)
  clock.advance(10 * MINUTE)
  told.length = 0
  t.equal(table.collect(), 15_000)
  t.equal(told.length, 15_000)
  t.strictSame(
    KINDS.map((kind) => [kind, table.names(kind).length, table.held(kind).length, table.absent(kind).length]),
    KINDS.map((kind) => [kind, kind === 'listener' ? 1 : 0, 0, 0]),
  )
  t.end()
})

t.test('names without end are bounded, and what is of the mesh stays', (t) => {
  const { clock, table } = setUp({ largest: 100 })
  table.listener('outbound/10.0.0.1:80')
  destination(table)
  const stop = table.listener('outbound/198.51.100.1:1').watch(() => {})
  for (let i = 0; i < 10_000; i++) {
    clock.advance(1)
    table.listener(`outbound/192.0.2.1:${i}`)
    if (i % 3 === 0) table.apply('listener', [], [`outbound/192.0.2.1:${i}`])
  }
  const names = table.names('listener')
  t.ok(names.length <= 100, `${names.length} names`)
  t.ok(names.includes('outbound/192.0.2.1:9999'), 'the latest are there')
  t.ok(names.includes('outbound/10.0.0.1:80'))
  t.ok(names.includes('outbound/198.51.100.1:1'), 'somebody waits for its answer')
  stop()
  t.end()
})

t.test('a restored table asks for what it does not hold, and its names count as used', (t) => {
  const { clock, table, told } = setUp()
  const problems = table.restore('cluster', [clusterOf('c', 'e'), broken(clusterOf('d', 'e'))], ['f'])
  t.equal(problems.length, 1)
  t.match(table.cluster('c').value, { name: 'c' })
  t.equal(table.cluster('d').value, undefined)
  t.equal(table.cluster('f').value, null)
  t.strictSame(told, ['+cluster c', '+cluster d', '+cluster f', '+endpoints e'])
  clock.advance(10 * MINUTE - 1)
  t.equal(table.collect(), 0)
  t.end()
})

t.test('whatever happens, the names held are those that names in use lead to', (t) => {
  const small = fc.nat(3)
  const step = fc.oneof(
    fc.record({ do: fc.constant('use' as const), kind: fc.constantFrom(...KINDS), name: small }),
    fc.record({ do: fc.constant('apply' as const), kind: fc.constantFrom(...KINDS), name: small, to: small }),
    fc.record({ do: fc.constant('remove' as const), kind: fc.constantFrom(...KINDS), name: small }),
    fc.record({ do: fc.constant('break' as const), kind: fc.constantFrom(...KINDS), name: small }),
    fc.record({ do: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 12 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { clock, table } = setUp()
      const subscribed = new Set<string>()
      table.subscribe({
        wanted: (kind, name) => void subscribed.add(`${kind} ${name}`),
        unwanted: (kind, name) => void subscribed.delete(`${kind} ${name}`),
      })
      // The model: when each name was used, and what each name that is held leads to.
      const used = new Map<string, number>()
      const leadsTo = new Map<string, string>()
      const reachable = (): Set<string> => {
        const found = new Set<string>()
        for (const [key, at] of used) {
          if (clock.now() - at >= 10 * MINUTE) continue
          for (let next: string | undefined = key; next && !found.has(next); next = leadsTo.get(next))
            found.add(next)
        }
        return found
      }
      for (const one of steps) {
        if (one.do === 'pass') {
          clock.advance(one.minutes * MINUTE)
          table.collect()
          const expected = reachable()
          for (const key of [...leadsTo.keys()]) if (!expected.has(key)) leadsTo.delete(key)
          for (const key of [...used.keys()]) if (!expected.has(key)) used.delete(key)
          const names = KINDS.flatMap((kind) => table.names(kind).map((name) => `${kind} ${name}`))
          if (!same(names, expected) || !same(subscribed, expected)) return false
          continue
        }
        const name = `n${one.name}`
        const key = `${one.kind} ${name}`
        if (one.do === 'use') {
          use(table, one.kind, name)
          used.set(key, clock.now())
        } else if (one.do === 'apply') {
          const wanted = subscribed.has(key)
          table.apply(one.kind, [resource(one.kind, name, `n${one.to}`)], [])
          const next = NEXT[one.kind]
          if (wanted && next) leadsTo.set(key, `${next} n${one.to}`)
        } else if (one.do === 'remove') {
          table.apply(one.kind, [], [name])
          leadsTo.delete(key)
        } else table.apply(one.kind, [broken(resource(one.kind, name, 'n0'))], [])
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.end()
})

function resource(kind: ResourceKind, name: string, to: string): HeldResource {
  switch (kind) {
    case 'listener':
      return listenerTo(name, to)
    case 'route':
      return routesTo(name, [to])
    case 'cluster':
      return clusterOf(name, to)
    case 'endpoints':
      return endpointsAt(name, ['10.1.0.1'])
  }
}

function use(table: ResourceTable, kind: ResourceKind, name: string): void {
  if (kind === 'listener') table.listener(name)
  else if (kind === 'route') table.route(name)
  else if (kind === 'cluster') table.cluster(name)
  else table.endpoints(name)
}

function same(names: Iterable<string>, expected: ReadonlySet<string>): boolean {
  return new Set(names).symmetricDifference(expected).size === 0
}
