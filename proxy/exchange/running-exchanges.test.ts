import t from 'tap'
import { grownBy } from '../testing/young-garbage.ts'
import { RunningExchanges, type RunningExchange } from './running-exchanges.ts'

class Running implements RunningExchange {
  place = 0
  readonly answering = false
  readonly payload = Array.from({ length: 100 }, () => this.place)
  idleCheck(): void {}
  reauthorize(): void {}
}

await t.test('holds those that run, whatever becomes of them while somebody goes through them', (t) => {
  const running = new RunningExchanges()
  const all = Array.from({ length: 5 }, () => new Running())
  for (const one of all) running.add(one)
  const seen = new Set<RunningExchange>()
  for (const one of running) {
    seen.add(one)
    running.delete(one)
    if (seen.size === 1) running.add(new Running())
  }
  t.same([...seen], all)
  t.equal(running.size, 1)
  for (const one of running) running.delete(one)
  t.same([...running], [])

  const [a, b, c] = all as [Running, Running, Running]
  for (const one of [a, b, c]) running.add(one)
  running.delete(a)
  t.same(new Set(running), new Set([b, c]))
  running.delete(c)
  t.same([...running], [b])
  t.end()
})

await t.test('nothing that is over stays alive, however old the list', (t) => {
  const running = new RunningExchanges()
  const open: Running[] = []
  const churn = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const one = new Running()
      running.add(one)
      open.push(one)
      if (open.length > 64) running.delete(open.shift() as Running)
    }
  }
  churn(100)
  // 20,000 of 800 bytes at least come and go; a Set keeps 18 MiB of them alive.
  t.ok(grownBy(() => churn(20_000)) < 2 ** 20)
  t.end()
})
