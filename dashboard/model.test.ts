import fc from 'fast-check'
import t from 'tap'
import type { SpanView, TraceRow } from '../core/api/traces.ts'
import {
  formatAddress,
  parseAddress,
  rangeOf,
  rangeQuery,
  toView,
  VIEWS,
  withParams,
} from './page/address/address.ts'
import { eventParser } from './page/ask/event-stream.ts'
import { sharesOf } from './page/canary/shares.ts'
import { changesBetween } from './page/map/changes.ts'
import { fold, foldedId, openNamespaces, openWord, OUTSIDE, within } from './page/map/fold.ts'
import { sum } from './page/map/sum.ts'
import { hit, nextNode } from './page/map/hit.ts'
import { layout, NODE_HEIGHT, NODE_WIDTH } from './page/map/layout.ts'
import { findingsOf } from './page/mesh/findings.ts'
import { emptyRing, RING_SIZE, taken } from './page/tap/ring.ts'
import { compareTraces } from './page/traces/compare.ts'
import { hold } from './page/traces/held-rows.ts'
import { searchQuery } from './page/traces/search.ts'
import { spanTree } from './page/traces/span-tree.ts'
import { duration, identityName, milliseconds, percent, success } from './page/words/format.ts'
import { ruleTo } from './page/service/rule-to.ts'
import { ROUTES } from './testing/mock/older-pages.ts'
import { largeGraph, shopGraph } from './testing/mock/graph.ts'
import { trace } from './testing/mock/traces.ts'

const AT = Date.UTC(2026, 5, 1, 9, 30)

function span(spanId: string, parentSpanId: string, startMs = 0): SpanView {
  return { ...trace(0, AT).spans[0]!, spanId, parentSpanId, startMs }
}

t.test('numbers never flatter', async (t) => {
  t.equal(success(0.999999), '99.99 %')
  t.equal(success(1), '100 %')
  t.equal(success(null), '–')
  t.equal(milliseconds(0.25), '250 µs')
  t.equal(milliseconds(1250), '1.25 s')
  t.equal(percent(33.333), '33.3 %')
  t.same([40, 600, 7200, 90_000, 172_800, 190_000].map(duration), [
    '40 s',
    '10 min',
    '2 h',
    '25 h',
    '2 d',
    '2 d 5 h',
  ])
  t.equal(identityName('spiffe://cluster.local/ns/shop/sa/web'), 'shop/web')
  t.equal(identityName('<img>'), '<img>')
})

t.test('an address holds all that is shown, and comes back the same', async (t) => {
  const address = {
    view: 'service',
    path: ['a/b<c>.shop'],
    params: { ns: 'shop', last: '3600', sort: '-rate' },
  } as const
  t.same(parseAddress(formatAddress(address)), address)
  fc.assert(
    fc.property(
      fc.constantFrom(...VIEWS),
      fc.array(fc.string({ minLength: 1 }), { maxLength: 3 }),
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
        fc.string({ minLength: 1 }),
      ),
      (view, path, params) => {
        const back = parseAddress(formatAddress({ view, path, params }))
        t.same(back, { view, path, params })
      },
    ),
    { numRuns: 60 },
  )
  for (const text of ['', '#', '#/', '#/nonsense', '#/%E0%A4%A'])
    t.equal(parseAddress(text).view, 'map', text)
  t.same(toView(address, 'traces', [], { failed: 'true' }).params, {
    ns: 'shop',
    last: '3600',
    failed: 'true',
  })
  t.same(withParams(address, { last: '', ns: 'x' }).params, { ns: 'x', sort: '-rate' })
})

t.test('a range is live, the last seconds or fixed, and never nonsense', async (t) => {
  const of = (params: Record<string, string>) => rangeOf({ view: 'map', path: [], params })
  t.same(of({}), { kind: 'live' })
  t.same(of({ last: '900' }), { kind: 'last', seconds: 900 })
  t.same(of({ last: '99999999' }), { kind: 'last', seconds: 604_800 })
  t.same(of({ last: 'x' }), { kind: 'live' })
  t.same(of({ from: '5', to: '9', last: '900' }), { kind: 'fixed', from: 5, to: 9 })
  t.same(of({ from: '9', to: '5' }), { kind: 'live' })
  t.equal(rangeQuery({ kind: 'live' }, 30), 'last=30')
  t.equal(rangeQuery({ kind: 'fixed', from: 5, to: 9 }, 30), 'from=5&to=9')
})

t.test('events are read however they are cut', async (t) => {
  const text = 'event: graph\r\ndata: {"a":\ndata: 1}\n\n: a comment\n\ndata: x\n\nevent: none\n\n'
  for (let cut = 0; cut <= text.length; cut++) {
    const found: string[] = []
    const parse = eventParser((name, data) => found.push(`${name} ${data}`))
    parse(text.slice(0, cut))
    parse(text.slice(cut))
    t.same(found, ['graph {"a":\n1}', 'message x'], `cut at ${cut}`)
  }
})

t.test('a folded namespace is one node with what its services have in sum', async (t) => {
  const graph = shopGraph(AT - 30_000, AT, { outage: true })
  t.same([...openNamespaces('', graph.nodes)], ['payments', 'shop'], 'a small mesh is open')
  t.same([...openNamespaces('', largeGraph(100, 0, 1).nodes)], [], 'a large one is folded')
  t.same([...openNamespaces('shop,nobody', graph.nodes)], ['shop'])
  t.equal(openWord(new Set(['shop']), graph.nodes), 'shop')
  t.equal(openWord(new Set(['shop', 'payments']), graph.nodes), '*')
  t.equal(openWord(new Set(), graph.nodes), '-')
  const shown = fold(graph, new Set(['payments']))
  const shop = shown.nodes.find(({ id }) => id === foldedId('shop'))
  t.match(shop, { kind: 'namespace', members: 6, failing: 1, health: 'failing' })
  t.equal(
    shown.edges.filter(({ source, target }) => source === target).length,
    0,
    'what is inside is not drawn',
  )
  t.match(
    shown.edges.find(({ source }) => source === OUTSIDE),
    { target: foldedId('shop') },
  )
  t.equal(shown.edges.find(({ target }) => target === 'archive.payments')?.deniedRate, 0.4)
  t.same(shown.splits, [], 'a split inside of what is folded')
  t.same(
    fold(graph, new Set(['shop', 'payments'])).splits.map(
      ({ target, percent: share }) => `${target} ${share}`,
    ),
    ['catalog-v1.shop 90', 'catalog-v2.shop 10'],
  )
  const all = sum([
    {
      rate: 1,
      failedRate: 1,
      successRate: 0,
      p50Ms: 1,
      p95Ms: 2,
      p99Ms: null,
      transport: { mutualTls: 1, plaintext: 0, unknown: 0 },
    },
    {
      rate: 3,
      failedRate: 0,
      successRate: 1,
      p50Ms: 4,
      p95Ms: null,
      p99Ms: null,
      transport: { mutualTls: 0, plaintext: 1, unknown: 0 },
    },
  ])
  t.match(all, { rate: 4, failedRate: 1, successRate: 0.75, p50Ms: 4, p95Ms: 2, p99Ms: null })
  t.match(all.transport, { mutualTls: 0.25, plaintext: 0.75 })
})

t.test('what a split led to a version is its own on the map, and counted once in sums', async (t) => {
  const graph = shopGraph(AT - 30_000, AT)
  const [version, catalog] = ['catalog-v1.shop', 'catalog.shop'].map((id) =>
    graph.nodes.find((one) => one.id === id)!,
  )
  t.equal(version?.traffic.rate, 0)
  const all = new Set(['shop', 'payments'])
  t.equal(
    fold(graph, all).nodes.find(({ id }) => id === 'catalog-v1.shop')?.traffic.rate,
    catalog?.versions[0]?.traffic.rate,
  )
  const shop = fold(graph, new Set()).nodes.find(({ id }) => id === foldedId('shop'))
  const once = graph.nodes
    .filter(({ namespace }) => namespace === 'shop')
    .reduce((total, one) => total + one.traffic.rate, 0)
  t.equal(shop?.traffic.rate, once)
  t.same(
    ruleTo(ROUTES.routes as never, 'catalog-v1.shop', () => true),
    {
      route: 'HTTPRoute/shop/catalog/1',
      cluster: 'shop/catalog-v1/8080',
    },
  )
  t.equal(
    ruleTo(ROUTES.routes as never, 'catalog-v2.shop', () => true)?.route,
    'HTTPRoute/shop/catalog/1',
    'not the rule of testers',
  )
  t.equal(
    ruleTo([], 'catalog-v2.shop', () => true),
    undefined,
  )
})

t.test('a filter of namespaces keeps who is called from it and who calls into it', async (t) => {
  const ids = within(shopGraph(0, 1), 'payments').nodes.map(({ id }) => id)
  t.same(ids.toSorted(), [
    'archive.payments',
    'catalog.shop',
    'checkout.shop',
    'ledger.payments',
    'pay.payments',
  ])
  t.same(within(shopGraph(0, 1), 'nobody').nodes, [])
})

t.test('nodes do not overlap, the same graph looks the same, and 500 services are readable', async (t) => {
  for (const graph of [shopGraph(0, 1), largeGraph(60, 0, 1), largeGraph(500, 0, 1)])
    for (const open of ['*', '-']) {
      const shown = fold(graph, openNamespaces(open, graph.nodes))
      const { places, boxes, width, height } = layout(shown)
      t.equal(places.size, shown.nodes.length)
      const list = [...places.values()]
      const overlaps = list.filter((a, i) =>
        list
          .slice(i + 1)
          .some((b) => Math.abs(a.x - b.x) < NODE_WIDTH - 1 && Math.abs(a.y - b.y) < NODE_HEIGHT - 1),
      )
      t.equal(overlaps.length, 0, 'no two nodes at one place')
      const crossed = boxes.filter((a, i) =>
        boxes
          .slice(i + 1)
          .some(
            (b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height,
          ),
      )
      t.equal(crossed.length, 0, 'no two namespaces at one place')
      t.ok(
        width < 6 * height || list.length < 12,
        `is no strip: ${Math.round(width)} by ${Math.round(height)}`,
      )
      t.same([...layout(shown).places], [...places])
    }
  const alone = layout({ nodes: fold(largeGraph(200, 0, 1), new Set()).nodes, edges: [], splits: [] })
  t.ok(alone.height < 2000, 'those without calls stand in a grid')
})

t.test('a point is a node, else a call that is near, else nothing', async (t) => {
  const shown = fold(shopGraph(0, 1), new Set(['shop', 'payments']))
  const where = layout(shown)
  const web = where.places.get('web.shop')!
  const catalog = where.places.get('catalog.shop')!
  const camera = { x: 0, y: 0, scale: 1 }
  t.equal(hit(shown, where, { x: web.x + 10, y: web.y - 10 }, camera), 'web.shop')
  const pay = where.places.get('pay.payments')!
  const ledger = where.places.get('ledger.payments')!
  t.equal(
    hit(shown, where, { x: (pay.x + ledger.x) / 2, y: (pay.y + ledger.y) / 2 }, camera),
    'pay.payments>ledger.payments',
  )
  t.equal(hit(shown, where, { x: -500, y: -500 }, camera), undefined)
  t.ok(catalog.x > web.x, 'callees stand right of their callers')
  t.equal(nextNode(where, 'pay.payments', 'ArrowRight'), 'ledger.payments')
  t.equal(nextNode(where, 'ledger.payments', 'ArrowLeft'), 'pay.payments')
  t.ok(nextNode(where, '', 'ArrowDown'), 'something to begin with')
})

t.test('what changed is said, the worst first, and noise is not', async (t) => {
  const before = shopGraph(AT - 3_630_000, AT - 3_600_000, { before: true })
  const after = shopGraph(AT - 30_000, AT, { outage: true })
  const changes = changesBetween(before, after)
  t.match(changes[0], {
    subject: 'web.shop',
    weight: 3,
    worse: true,
    text: /was ok, is failing: No endpoint/,
  })
  const texts = changes.map(({ subject, text }) => `${subject} ${text}`)
  for (const wanted of [
    /^inventory.shop success was 100 %, is 90.20 %/,
    /^inventory.shop p95 was 2.88 ms, is 22.3 ms/,
    /^catalog.shop split was catalog-v1.shop 100 %, catalog-v2.shop 0 %, is catalog-v1.shop 90 %/,
    /^web.shop had 2 ready endpoints, has 0/,
    /^checkout.shop → pay.payments began to call/,
  ])
    t.ok(
      texts.some((text) => wanted.test(text)),
      String(wanted),
    )
  t.same(
    changesBetween(shopGraph(AT - 30_000, AT), shopGraph(AT - 28_000, AT + 2000)),
    [],
    'a wave is no change',
  )
  const gone = { ...after, nodes: after.nodes.slice(1), edges: [] }
  t.ok(changesBetween(after, gone).some(({ text }) => text === 'calls no more'))
})

t.test('a tree has every span once, children below parents, also of hostile parents', async (t) => {
  const tree = spanTree([span('c', 'b', 2), span('b', 'a', 1), span('a', 'x', 0), span('d', 'a', 3)])
  t.same(
    tree.map(({ span: one, depth }) => `${one.spanId}${depth}`),
    ['a0', 'b1', 'c2', 'd1'],
  )
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', '')
  fc.assert(
    fc.property(fc.array(fc.tuple(id, id), { maxLength: 12 }), (pairs) => {
      const spans = pairs.map(([own, parent], i) => span(own, parent, i))
      const placed = spanTree(spans).map((node) => node.span)
      return placed.length === spans.length && new Set(placed).size === spans.length
    }),
  )
})

t.test('a chain of thousands of spans is no deep recursion', async (t) => {
  const chain = Array.from({ length: 20_000 }, (_, i) => span(`s${i}`, i === 0 ? '' : `s${i - 1}`, i))
  t.equal(spanTree(chain).length, 20_000)
})

t.test('two traces are compared step by step, with what only one of them has', async (t) => {
  const rows = compareTraces(trace(0, AT).spans, trace(3, AT).spans)
  t.equal(rows.filter(({ first, second }) => first && second).length, 5, 'what both have')
  t.equal(rows.filter(({ first }) => !first).length, 3, 'tries and what hangs from them, of the second')
  t.equal(rows.filter(({ second }) => !second).length, 1)
  t.equal(
    new Set(rows.flatMap(({ first, second }) => [first, second]).filter(Boolean)).size,
    6 + 8,
    'each span once',
  )
})

t.test('shown rows stay where they are; new ones wait', async (t) => {
  const rows = [3, 2, 1].map((i): TraceRow => trace(i, AT))
  t.same(hold([], rows), { rows, waiting: 0 })
  const later = [5, 4, 3].map((i): TraceRow => ({ ...trace(i, AT), spanCount: 99 }))
  const held = hold(rows, later)
  t.equal(held.waiting, 2)
  t.same(
    held.rows.map(({ traceId }) => traceId),
    rows.map(({ traceId }) => traceId),
  )
  t.equal(held.rows[0]?.spanCount, 99, 'a row learns what came later')
})

t.test('a search asks only what is set', async (t) => {
  t.equal(
    searchQuery({ service: ' catalog ', status: '', ns: 'shop', nonsense: 'x' }),
    'service=catalog&namespace=shop&limit=100',
  )
})

t.test('a tap keeps the newest, and nothing moves under a pointer', async (t) => {
  const first = taken(emptyRing<number>(), [1, 2, 3], false)
  t.same(first.shown, [3, 2, 1])
  const held = taken(first, [4, 5], true)
  t.same(held.shown, [3, 2, 1])
  t.same(held.held, [5, 4])
  t.same(taken(held, [6], false).shown, [6, 5, 4, 3, 2, 1])
  const many = taken(
    emptyRing<number>(),
    Array.from({ length: 5000 }, (_, i) => i),
    true,
  )
  t.equal(many.held.length, RING_SIZE)
  t.equal(many.held[0], 4999)
})

t.test('findings of checks, else problems of an older control plane, the worst first', async (t) => {
  const problem = {
    file: null,
    line: null,
    column: null,
    kind: 'Service',
    namespace: 'shop',
    name: 'x',
    field: '',
    message: 'm',
    remedy: 'r',
  }
  t.equal(findingsOf(undefined, undefined), undefined)
  const found = findingsOf(undefined, [
    { ...problem, severity: 'warning' },
    { ...problem, severity: 'error', effect: 'e' },
  ])
  t.same(
    found?.map(({ severity, effect, code }) => [severity, effect, code]),
    [
      ['error', 'e', ''],
      ['warning', '', ''],
    ],
  )
  t.same(sharesOf([9, null, 0], [1, 4, null]), [10, 100, null])
})
