import t from 'tap'
import { atOnce, inTurns } from './in-turns.ts'

function* steps(count: number, work: () => void): Generator<void, number> {
  for (let step = 0; step < count; step++) {
    work()
    yield
  }
  return count
}

t.test('others have their turn between steps that take long', async (t) => {
  let turns = 0
  let ended = false
  const others = (): void => {
    turns++
    if (!ended) setImmediate(others)
  }
  setImmediate(others)
  const busy = (): void => {
    const until = performance.now() + 6
    while (performance.now() < until);
  }
  t.equal(await inTurns(steps(5, busy)), 5)
  ended = true
  t.ok(turns >= 5, `${turns} turns`)
})

t.test('what fails fails, and at once there are no turns', async (t) => {
  await t.rejects(
    inTurns(
      steps(3, () => {
        throw new Error('no')
      }),
    ),
    { message: 'no' },
  )
  t.equal(atOnce(steps(3, () => {})), 3)
})
