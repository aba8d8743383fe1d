import t from 'tap'
import type { RequestHead } from '../http/message.ts'
import type { HashPolicy } from '../model/route.ts'
import { Affinity } from './affinity.ts'

function hashOf(
  policies: readonly HashPolicy[],
  head: Partial<RequestHead> = {},
  downstream = '10.0.0.1:5000',
) {
  const request = {
    method: 'GET',
    scheme: 'http',
    authority: 'shop',
    path: '/',
    fields: [],
    upgrade: '',
    ...head,
  }
  return new Affinity(policies, request, downstream, () => 0.5).hash
}

const header = (name: string, terminal = false): HashPolicy => ({ kind: 'header', name, terminal })
const query = (name: string): HashPolicy => ({ kind: 'query', name, terminal: false })
const SOURCE: HashPolicy = { kind: 'source-ip', terminal: false }
const COOKIE: HashPolicy = { kind: 'cookie', name: 'id', path: '', ttlMs: undefined, terminal: false }

t.test('a header, with all its values', async (t) => {
  const of = (...values: string[]) =>
    hashOf([header('x')], { fields: values.flatMap((value) => ['x', value]) })
  t.equal(of(), undefined)
  t.equal(of('a'), of('a'))
  t.not(of('a'), of('b'))
  t.not(of('a', 'b'), of('a'))
  t.not(hashOf([header(':authority')]), hashOf([header(':authority')], { authority: 'other' }))
  t.not(hashOf([header(':path')]), hashOf([header(':path')], { path: '/other' }))
})

t.test('a cookie, wherever it stands', async (t) => {
  const of = (...lines: string[]) => hashOf([COOKIE], { fields: lines.flatMap((line) => ['cookie', line]) })
  const wanted = of('id=7')
  t.ok(wanted)
  t.equal(of('a=b; id=7; c=d'), wanted)
  t.equal(of('a=b', 'id=7'), wanted)
  t.equal(of('id="7"'), wanted)
  for (const none of ['xid=7', 'id', 'id=', 'ID=7', 'id=""']) t.equal(of(none), undefined, none)
})

t.test('a parameter of the query', async (t) => {
  const of = (path: string) => hashOf([query('q')], { path })
  t.ok(of('/?q=1'))
  t.equal(of('/a?x=2&q=1'), of('/?q=1'))
  t.not(of('/?q=1'), of('/?q=2'))
  for (const none of ['/', '/q=1', '/?x=1', '/?qq=1']) t.equal(of(none), undefined, none)
  t.ok(of('/?q'), 'without a value')
})

t.test("the caller's address, without its port", async (t) => {
  const of = (downstream: string) => hashOf([SOURCE], {}, downstream)
  t.equal(of('10.0.0.1:5000'), of('10.0.0.1:6000'))
  t.not(of('10.0.0.1:5000'), of('10.0.0.2:5000'))
  t.equal(of('[fd00::1]:1'), of('[fd00::1]:2'))
})

t.test('several count together, in their order, up to a terminal one that found something', async (t) => {
  const head = { fields: ['a', '1', 'b', '2'] }
  t.not(hashOf([header('a'), header('b')], head), hashOf([header('b'), header('a')], head))
  t.equal(hashOf([header('a', true), header('b')], head), hashOf([header('a')], head))
  t.equal(hashOf([header('none', true), header('b')], head), hashOf([header('b')], head))
  t.equal(hashOf([header('none'), header('none')], head), undefined)
})
