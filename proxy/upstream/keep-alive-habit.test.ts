import t from 'tap'
import { KeepAliveHabit } from './keep-alive-habit.ts'

t.test('half of the shortest time after which a server closed is safe', async (t) => {
  const habit = new KeepAliveHabit()
  t.equal(habit.safeMs(undefined), 500)
  habit.closed(2000)
  t.equal(habit.safeMs(undefined), 500, 'and no more than lived')
  habit.lived(1800)
  t.equal(habit.safeMs(undefined), 900)
  habit.closed(1000)
  t.equal(habit.safeMs(undefined), 500)
  habit.closed(2)
  t.equal(habit.safeMs(undefined), 1)
})

t.test('what a server announces is believed until it closes earlier', async (t) => {
  const habit = new KeepAliveHabit()
  t.equal(habit.safeMs(5000), 2500)
  t.equal(habit.safeMs(100), 50)
  habit.closed(3000)
  t.equal(habit.safeMs(5000), 1500)
})

t.test('a restart is no habit: connections that live on show it', async (t) => {
  const habit = new KeepAliveHabit()
  habit.closed(3)
  for (let i = 0; i < 8; i++) habit.lived(900)
  t.equal(habit.safeMs(undefined), 1.5, 'shorter times prove nothing')
  for (let i = 0; i < 8; i++) habit.lived(1200)
  t.equal(habit.safeMs(undefined), 600)
  habit.closed(800)
  for (let i = 0; i < 8; i++) habit.lived(1500)
  t.equal(habit.safeMs(undefined), 400, 'nor such as a server that looks now and then leaves')
})
