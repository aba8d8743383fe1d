import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import {
  LONGEST_WAIT_MS,
  MOST_AT_ONCE,
  MOST_CALLERS,
  MOST_WAITING,
  MOST_WAITING_IN_ALL,
  VAIN_BURST,
  VAIN_PER_SECOND,
  Verifications,
} from './verifications.ts'

/** Verifications that a test ends, each named as its caller named it. */
function bed() {
  const clock = new ManualClock()
  const verifications = new Verifications(clock)
  const begun: { readonly what: string; readonly end: (vain: number) => Promise<void> }[] = []
  const told: string[] = []
  const add = (caller: string, what = caller) =>
    verifications.add(
      caller,
      () => {
        const { promise, resolve } = Promise.withResolvers<{ outcome: string; vain: number }>()
        const end = async (vain: number): Promise<void> => {
          resolve({ outcome: `${what} ${vain === 0 ? 'is good' : 'is bad'}`, vain })
          await promise
          // Until whoever waits for it was told, and others have begun.
          for (let turn = 0; turn < 5; turn++) await Promise.resolve()
        }
        begun.push({ what, end })
        return promise
      },
      (outcome) => void told.push(outcome ?? `${what} is turned away`),
    )
  /** Ends all that runs, and what begins meanwhile; gives how many there were. */
  const endAll = async (vain: number): Promise<number> => {
    let count = 0
    for (let one = begun.shift(); one; one = begun.shift()) {
      count++
      await one.end(vain)
    }
    return count
  }
  return { clock, verifications, add, begun, told, endAll }
}

t.test('whose tokens verify has as many verified as it likes, a few at a time', async (t) => {
  const { add, begun, told, endAll, verifications, clock } = bed()
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 400; i++) add('gateway')
    t.equal(begun.length, MOST_AT_ONCE)
    t.equal(await endAll(0), 400)
  }
  t.equal(told.filter((one) => one === 'gateway is good').length, 1200)
  t.equal(verifications.size, 0)
  t.equal(clock.pending, 0)
})

t.test('who sends bad ones pays for each, and gets some back with time', async (t) => {
  const { add, told, endAll, clock, begun } = bed()
  for (let i = 0; i < 300; i++) add('mallory')
  t.equal(await endAll(1), VAIN_BURST)
  clock.advance(999)
  const first = await endAll(1)
  clock.advance(1)
  t.equal(first + (await endAll(1)), VAIN_PER_SECOND, 'in a second')
  clock.advance(LONGEST_WAIT_MS - 1001)
  await endAll(1)
  const verified = told.length
  t.ok(verified <= VAIN_BURST + 5 * VAIN_PER_SECOND, `${verified} in 5 s`)
  clock.advance(1)
  t.equal(told.filter((one) => one === 'mallory is turned away').length, 300 - verified)
  t.equal(begun.length, 0)
})

t.test('a token without a kid that was held against many keys costs as many', async (t) => {
  const { add, endAll, clock } = bed()
  for (let i = 0; i < 10; i++) add('mallory')
  t.equal(await endAll(50), MOST_AT_ONCE + 1, 'those beside each other, and one that may follow the first')
  clock.advance(LONGEST_WAIT_MS)
  t.equal(await endAll(0), 0)
})

t.test('callers take turns: one of bad tokens waits by itself', async (t) => {
  const { add, begun, endAll, told } = bed()
  for (let i = 0; i < 1000; i++) add('mallory')
  add('alice')
  add('bob')
  for (let ended = 0; ended < 3; ended++) await begun.shift()?.end(1)
  const running = begun.map(({ what }) => what)
  t.ok(running.includes('alice') && running.includes('bob'), 'who comes last waits for no more than a turn')
  await endAll(1)
  told.length = 0
  for (let i = 0; i < 50; i++) add('alice', 'token')
  t.equal(await endAll(0), 50)
  t.equal(told.filter((one) => one === 'token is good').length, 50, 'while mallory has none left')
})

t.test('what waits is bounded, and nothing is verified for who has gone', async (t) => {
  const { add, clock, told, endAll, verifications } = bed()
  const leaves = Array.from({ length: MOST_AT_ONCE + MOST_WAITING + 5 }, () => add('mallory'))
  clock.advance(0)
  t.same(told, Array(5).fill('mallory is turned away'), 'at once')
  t.notOk(leaves[0]?.(), 'it has begun')
  t.ok(leaves[MOST_AT_ONCE]?.())
  t.notOk(leaves[MOST_AT_ONCE]?.(), 'it has gone already')
  for (const leave of leaves.slice(MOST_AT_ONCE + 1)) leave()
  t.equal(await endAll(0), MOST_AT_ONCE)
  t.equal(verifications.size, 0)
  t.equal(clock.pending, 0)
})

t.test('where too many wait in all, those of whom most wait give way', async (t) => {
  const { add, clock, told, endAll, verifications } = bed()
  for (let i = 0; i < MOST_AT_ONCE + MOST_WAITING; i++) add('mallory')
  for (let i = 0; i < MOST_WAITING_IN_ALL - MOST_WAITING; i++) add('mallet')
  add('mallory', 'one more')
  add('alice')
  clock.advance(0)
  t.same(told, ['one more is turned away', 'mallory is turned away'])
  await endAll(0)
  t.ok(told.includes('alice is good'))
  t.equal(verifications.size, 0)
  t.equal(clock.pending, 0)
})

t.test('callers beyond those that are told apart count as one', async (t) => {
  const { add, endAll, verifications, clock } = bed()
  for (let i = 0; i < MOST_CALLERS; i++) {
    add(`caller ${i}`)
    await endAll(1)
  }
  t.equal(verifications.size, MOST_CALLERS)
  let verified = 0
  for (let i = 0; i < 2 * VAIN_BURST; i++) {
    add(`another ${i}`)
    verified += await endAll(1)
  }
  t.equal(verified, VAIN_BURST)
  t.equal(verifications.size, MOST_CALLERS + 1)
  clock.advance(60_000)
  await endAll(0)
  add('late')
  await endAll(0)
  t.equal(verifications.size, 0, 'who owes nothing is not known')
})
