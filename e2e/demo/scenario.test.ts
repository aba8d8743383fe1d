import t from 'tap'
import { play, type Step } from './scenario.ts'

const step = (name: string, run: Step<unknown>['run']): Step<unknown> => ({ name, expected: 'it is', run })
const seen = async () => ({ ok: true, observed: 'it is' })

t.test('after a step that throws the next ones are tried', async (t) => {
  const told: string[] = []
  const fails = step('one', () => Promise.reject(new Error('no route')))
  const results = await play([fails, step('two', seen)], undefined, (name) => told.push(name))
  t.match(results, [
    { name: 'one', ok: false, observed: 'no route' },
    { name: 'two', ok: true, expected: 'it is', observed: 'it is' },
  ])
  t.strictSame(told, ['one', 'two'])
})

t.test('after a step that hangs they are not, and each says why', async (t) => {
  const told: string[] = []
  const steps = [step('one', seen), step('two', () => new Promise(() => {})), step('three', seen)]
  const results = await play(steps, undefined, (name) => told.push(name), 0.001)
  t.match(results, [
    { name: 'one', ok: true },
    { name: 'two', ok: false, observed: 'two did not end within 0.001 minutes' },
    { name: 'three', ok: false, observed: 'not tried: two hangs' },
  ])
  t.strictSame(told, ['one', 'two'])
})
