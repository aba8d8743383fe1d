import t from 'tap'
import { KeepAliveHabit } from './keep-alive-habit.ts'

t.test('half of the shortest time after which a server closed is safe', async (t) => {
  const habit = new KeepAliveHabit()
  t.ok(habit.safeMs(undefined, 1) < 0, 'nothing is known')
  habit.closed(2000, 1)
  t.ok(habit.safeMs(undefined, 1) < 0, 'and no more than lived')
  habit.lived({}, 9, 1)
  t.ok(habit.safeMs(undefined, 1) < 0, 'which a server that closes at once may be late for')
  habit.lived({}, 10, 1)
  t.equal(habit.safeMs(undefined, 1), 5)
  habit.lived({}, 1800, 1)
  t.equal(habit.safeMs(undefined, 1), 900)
  habit.closed(1000, 1)
  t.equal(habit.safeMs(undefined, 1), 500)
  habit.closed(20, 1)
  t.equal(habit.safeMs(undefined, 1), 10)
})

t.test('what a server announces is believed until it closes earlier', async (t) => {
  const habit = new KeepAliveHabit()
  t.equal(habit.safeMs(5000, 1), 2500)
  t.equal(habit.safeMs(90, 1), 45)
  habit.closed(3000, 1)
  t.equal(habit.safeMs(5000, 1), 1500)
})

t.test('behind so many requests a server closes at once: earlier ones are safe', async (t) => {
  const habit = new KeepAliveHabit()
  habit.lived({}, 1000, 1)
  habit.closed(2, 3)
  t.same(
    [0, 1, 2, 3, 4].map((carried) => habit.safeMs(undefined, carried) > 0),
    [true, true, true, false, false],
  )
  t.ok(habit.safeMs(60_000, 3) < 0, 'whatever it announces')
  for (let i = 0; i < 20; i++) habit.lived({}, 3000, 2)
  t.ok(habit.safeMs(undefined, 3) < 0, 'what had fewer requests proves nothing')
})

t.test('a restart is no habit: connections that live on show it', async (t) => {
  const habit = new KeepAliveHabit()
  const live = (idleMs: number): void => {
    for (let i = 0; i < 8; i++) habit.lived({}, idleMs, 4)
  }
  habit.closed(3, 1)
  live(900)
  t.ok(habit.safeMs(undefined, 4) < 0, 'shorter times prove nothing')
  const one = {}
  for (let i = 0; i < 8; i++) habit.lived(one, 1200, 4)
  t.ok(habit.safeMs(undefined, 4) < 0, 'nor does one connection that is seen often')
  live(1200)
  t.equal(habit.safeMs(undefined, 4), 600)
  habit.closed(800, 4)
  live(1500)
  t.equal(habit.safeMs(undefined, 4), 400, 'nor such as a server that looks now and then leaves')
})

t.test('a connection that had no request is safe at first, whatever is known', async (t) => {
  const habit = new KeepAliveHabit()
  t.ok(habit.safeMs(undefined, 0) >= 1)
  habit.closed(1, 0)
  t.ok(habit.safeMs(undefined, 0) >= 1)
})
