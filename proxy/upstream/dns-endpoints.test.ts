import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { endpointAt } from '../testing/static-configuration.ts'
import { resolveEndpoints, systemLookup } from './dns-endpoints.ts'

const at = (address: string) => ({ ...endpointAt(80), address })

/** Names that are asked for wait for the test's answer. */
function start(...names: string[]) {
  const clock = new ManualClock()
  const asked = new Map<string, ((addresses: readonly string[] | undefined) => void)[]>()
  const found: string[][] = []
  const stop = resolveEndpoints(
    names.map(at),
    clock,
    (name, done) => void asked.set(name, [...(asked.get(name) ?? []), done]),
    (endpoints) => found.push(endpoints.map(({ address }) => address)),
  )
  const answer = (name: string, addresses: readonly string[] | undefined): void =>
    asked.get(name)?.shift()?.(addresses)
  return { clock, found, stop, answer, waiting: (name: string) => asked.get(name)?.length ?? 0 }
}

t.test('addresses need nobody to be asked', async (t) => {
  const { clock, found } = start('10.0.0.1', '::1')
  t.same(found, [['10.0.0.1', '::1']])
  t.equal(clock.pending, 0)
  t.same(start().found, [[]])
})

t.test('nothing is told before every name has an answer, then each that differs', async (t) => {
  const { clock, found, answer } = start('a.test', '10.0.0.9', 'b.test')
  answer('a.test', ['10.0.0.2', '10.0.0.1'])
  t.same(found, [])
  answer('b.test', undefined)
  t.same(found, [['10.0.0.1', '10.0.0.2', '10.0.0.9']], 'a name that does not resolve has no endpoint')
  clock.advance(30_000)
  answer('a.test', ['10.0.0.1', '10.0.0.2'])
  t.equal(found.length, 1, 'another order is no change')
  answer('b.test', ['10.0.0.3'])
  t.same(found.at(-1), ['10.0.0.1', '10.0.0.2', '10.0.0.9', '10.0.0.3'])
  clock.advance(30_000)
  answer('b.test', undefined)
  t.equal(found.length, 2, 'a name that stops resolving keeps its addresses')
})

t.test('nothing is asked or told after the end', async (t) => {
  const { clock, found, stop, answer, waiting } = start('a.test')
  answer('a.test', ['10.0.0.1'])
  clock.advance(30_000)
  t.equal(waiting('a.test'), 1)
  stop()
  answer('a.test', ['10.0.0.2'])
  t.equal(found.length, 1)
  clock.advance(60_000)
  t.equal(waiting('a.test'), 0)
  t.equal(clock.pending, 0)
})

t.test("the system's own answers", async (t) => {
  const lookup = (name: string) =>
    new Promise<readonly string[] | undefined>((resolve) => systemLookup(name, resolve))
  t.match(await lookup('127.0.0.1'), ['127.0.0.1'])
  t.equal(await lookup('-'), undefined)
})
