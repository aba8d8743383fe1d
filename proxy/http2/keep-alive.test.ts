import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { KeepAlive, type KeepAliveOptions, type PingedConnection, type Urgency } from './keep-alive.ts'
import { LINK_KEEP_ALIVE } from './options.ts'

/** A connection that writes down what is done to it, and when. */
class Pinged implements PingedConnection {
  urgency: Urgency = 'nothing'
  readonly clock = new ManualClock()
  readonly keepAlive: KeepAlive
  told: string[] = []

  constructor(options: KeepAliveOptions) {
    this.keepAlive = new KeepAlive(this, options, this.clock)
    this.keepAlive.start()
  }

  writePing(): void {
    this.told.push(`ping ${this.clock.now()}`)
  }

  onSuspect(suspect: boolean): void {
    this.told.push(`${suspect ? 'suspect' : 'trusted'} ${this.clock.now()}`)
  }

  destroy(): void {
    this.keepAlive.stop()
    this.told.push(`ended ${this.clock.now()}`)
  }

  ask(): void {
    this.urgency = 'answer'
    this.keepAlive.asked()
  }
}

t.test(
  'an idle link is asked after 10 s of silence, to the millisecond, and has 5 s to answer',
  async (t) => {
    const link = new Pinged(LINK_KEEP_ALIVE)
    link.clock.advance(3000)
    link.keepAlive.heard()
    link.clock.advance(30_000)
    t.same(link.told, ['ping 13000', 'suspect 14250', 'ended 18000'])
    t.equal(link.clock.pending, 0)
  },
)

t.test('who waits for an answer knows within 3 s that the peer is gone', async (t) => {
  const link = new Pinged(LINK_KEEP_ALIVE)
  link.clock.advance(9000)
  link.ask()
  link.clock.advance(30_000)
  t.same(link.told, ['ping 10000', 'suspect 11250', 'ended 15000'])
})

t.test('on a busy link silence counts from the last byte, wherever the check stands', async (t) => {
  const link = new Pinged(LINK_KEEP_ALIVE)
  link.ask()
  for (let i = 0; i < 37; i++) {
    link.clock.advance(90)
    link.keepAlive.heard()
    link.ask()
  }
  link.clock.advance(20_000)
  t.same(link.told, ['ping 4330', 'suspect 5580', 'ended 9330'])
})

t.test('a stream whose answer runs ends within 15 s', async (t) => {
  const link = new Pinged(LINK_KEEP_ALIVE)
  link.ask()
  link.clock.advance(500)
  link.keepAlive.heard()
  link.urgency = 'stream'
  link.clock.advance(20_000)
  t.same(link.told, ['ping 5500', 'suspect 6750', 'ended 10500'])
})

t.test('any byte after a PING is an answer, also a late one', async (t) => {
  const link = new Pinged(LINK_KEEP_ALIVE)
  link.ask()
  link.clock.advance(1400)
  link.keepAlive.heard()
  link.clock.advance(2400)
  link.keepAlive.heard()
  t.same(link.told, ['ping 1000', 'ping 2400', 'suspect 3650', 'trusted 3800'])
})

t.test('a check that we are late for judges nobody before what came meanwhile was read', async (t) => {
  const link = new Pinged({ intervalMs: 1000, timeoutMs: 500 })
  link.clock.advance(1000)
  // The loop stands still: time goes on, and the check comes when it is over.
  const late = link.clock.now() + 2000
  const now = link.clock.now.bind(link.clock)
  link.clock.now = () => Math.max(now(), late)
  link.clock.advance(500)
  link.clock.now = now
  t.same(link.told, ['ping 1000'])
  link.keepAlive.heard()
  link.clock.advance(500)
  t.same(link.told, ['ping 1000'], 'it had answered')
})
