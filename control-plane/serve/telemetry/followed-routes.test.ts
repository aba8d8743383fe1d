import t from 'tap'
import type { Mesh } from '../../model/mesh.ts'
import type { RouteEntry, RouteGroup } from '../../model/route.ts'
import { reportedMesh } from './followed-routes.ts'

const group = (...rules: [name: string, ...clusters: string[]][]): RouteGroup =>
  ({
    kind: 'http',
    entries: rules.map(([name, ...clusters]) => {
      const backends = clusters.map((portKey) => ({ portKey, weight: 1 }))
      return { rule: { name, action: { kind: 'forward', backends } } } as unknown as RouteEntry
    }),
  }) as unknown as RouteGroup

t.test('who follows a rule: all without routes of their own, and its own namespace', async (t) => {
  const routes: Mesh['routes'] = new Map([
    [
      'shop/catalog/80',
      { producer: group(['p', 'v1', 'v2']), consumers: new Map([['test', group(['c', 'v2'])]]) },
    ],
    ['shop/other/80', { producer: undefined, consumers: new Map([['test', group(['c', 'v3'])]]) }],
  ])
  const services = new Map([['shop/catalog', {}]]) as unknown as Mesh['services']
  let mesh: Mesh | undefined
  const told = reportedMesh(() => mesh)
  t.notOk(told.follows('shop', 'p', 'v1') || told.hasService('catalog.shop'), 'before there is a mesh')
  mesh = { routes, services } as unknown as Mesh
  t.ok(told.follows('shop', 'p', 'v1') && told.follows('elsewhere', 'p', 'v2'))
  t.notOk(told.follows('shop', 'p', 'v3'))
  t.notOk(told.follows('test', 'p', 'v1'), 'its own routes replace them')
  t.ok(told.follows('test', 'c', 'v2') && told.follows('test', 'c', 'v3'))
  t.notOk(told.follows('shop', 'c', 'v2'))
  t.equal(told.askedBy('shop', 'p'), 'catalog.shop')
  t.equal(told.askedBy('test', 'p'), undefined, 'its clients do not follow it')
  t.equal(told.askedBy('test', 'c'), 'catalog.shop', 'of two, the first by name')
  t.ok(told.hasService('catalog.shop'))
  t.notOk(told.hasService('catalog.elsewhere'))
  const workloads = new Map([['shop/web-1', { identity: 'spiffe://td/ns/shop/sa/web' }]])
  mesh = { ...mesh, routes: new Map(), workloads: workloads as unknown as Mesh['workloads'] }
  t.ok(told.tells('spiffe://td/ns/shop/sa/web'))
  t.notOk(told.tells('spiffe://td/ns/shop/sa/other'))
  t.notOk(told.follows('shop', 'p', 'v1'), 'as the mesh is now')
})
