import fc from 'fast-check'
import t from 'tap'
import { MemorySource } from '../registry/memory-source.ts'
import { requestRoutes, type RequestRoutes } from '../model/route.ts'
import { Translator } from './translate.ts'

const PARENT = `apiVersion: v1
kind: Service
metadata: { name: echo, namespace: mesh }
spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }
`

const value = fc.constantFrom('a', 'b')
const match = fc.record(
  {
    path: fc.record({
      type: fc.constantFrom('Exact', 'PathPrefix', 'RegularExpression'),
      value: fc.constantFrom('/', '/a', '/a/b', '/a/b/c'),
    }),
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.uniqueArray(fc.record({ name: fc.constantFrom('x-a', 'x-b', 'x-c'), value }), {
      selector: (one) => one.name,
    }),
    queryParams: fc.uniqueArray(fc.record({ name: value, value }), { selector: (one) => one.name }),
  },
  { requiredKeys: [] },
)
const route = fc.record({
  created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'),
  rules: fc.array(fc.array(match, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
})

function manifests(
  routes: readonly { index: number; created: string; rules: readonly unknown[] }[],
): string[] {
  return routes.map(({ index, created, rules }) =>
    JSON.stringify({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: `r${index}`, namespace: 'mesh', creationTimestamp: created },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'echo' }],
        rules: rules.map((matches) => ({ matches, backendRefs: [{ name: 'echo', port: 80 }] })),
      },
    }),
  )
}

function groupOf(texts: readonly string[]): RequestRoutes | undefined {
  const mesh = new Translator({ trustDomain: 'cluster.local' }).translate(
    MemorySource.of(PARENT, ...texts).snapshot.value,
  )
  return requestRoutes(mesh.routes.get('mesh/echo/80')?.producer)
}

t.test('the order of rules does not depend on the order in which routes are read', async () => {
  fc.assert(
    fc.property(
      fc.array(route, { minLength: 2, maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      (routes, shuffle) => {
        const texts = manifests(routes.map((one, index) => ({ index, ...one })))
        const keyed = texts.map((text) => ({ text, key: shuffle.next().value }))
        const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ text }) => text)
        const names = (group: RequestRoutes | undefined) =>
          group?.entries.map(({ rule, match: one }) => [rule.name, JSON.stringify(one)])
        const [one, two] = [names(groupOf(texts)), names(groupOf(shuffled))]
        if (JSON.stringify(one) !== JSON.stringify(two))
          throw new Error(`${JSON.stringify(one)} / ${JSON.stringify(two)}`)
      },
    ),
    { numRuns: 200 },
  )
})

t.test(
  'of calls the headers count as soon as service and method are as long, whatever their kind',
  async (t) => {
    const rule = (method: object, headers: readonly object[]) => ({
      matches: [{ method, headers }],
      backendRefs: [{ name: 'echo', port: 80 }],
    })
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GRPCRoute',
      metadata: { name: 'calls', namespace: 'mesh' },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'echo' }],
        rules: [
          rule({ service: 'shop.Cat' }, []),
          rule({ type: 'RegularExpression', service: 'shop\\..*' }, [{ name: 'x-a', value: '1' }]),
          rule({ service: 'shop.Cart' }, []),
        ],
      },
    }
    const names = groupOf([JSON.stringify(route)])?.entries.map(({ rule: { name } }) => name.slice(-1))
    t.strictSame(names, ['2', '1', '0'])
  },
)

t.test('every entry stands before all that Gateway API ranks below it', async (t) => {
  const rank = { exact: 0, regex: 1, prefix: 2 }
  fc.assert(
    fc.property(fc.array(route, { minLength: 1, maxLength: 4 }), (routes) => {
      const group = groupOf(manifests(routes.map((one, index) => ({ index, ...one }))))
      const entries = group?.entries ?? []
      const expected = routes.flatMap((one) => one.rules.flat()).length
      if (entries.length !== expected) throw new Error('an entry got lost')
      for (let i = 1; i < entries.length; i++) {
        const [a, b] = [entries[i - 1]!.match, entries[i]!.match]
        // Compared as tuples, written apart from the comparison under test.
        const tuple = (one: typeof a): number[] => [
          rank[one.path.kind],
          one.path.kind === 'exact' ? 0 : -one.path.value.length,
          one.method === undefined ? 1 : 0,
          -one.headers.length,
          -one.query.length,
        ]
        const [left, right] = [tuple(a), tuple(b)]
        const at = left.findIndex((part, index) => part !== right[index])
        if (at >= 0 && left[at]! > right[at]!)
          throw new Error(`${JSON.stringify(a)} before ${JSON.stringify(b)}`)
      }
    }),
    { numRuns: 200 },
  )
  t.pass()
})
