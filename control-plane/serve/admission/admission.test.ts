import { EventEmitter } from 'node:events'
import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { Allowances } from './allowance.ts'
import { CONNECTION_LIMITS, Connections, type ConnectionLimits, type GuardedSocket } from './connections.ts'

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string
  readonly remotePort: number
  bytesRead = 0
  destroyed = false

  constructor(remoteAddress: string, remotePort: number) {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

function setUp(limits: Partial<ConnectionLimits>) {
  const clock = new ManualClock()
  const connections = new Connections({ ...CONNECTION_LIMITS, ...limits }, clock)
  let port = 1
  const open = (address: string): FakeSocket => {
    const socket = new FakeSocket(address, port++)
    connections.accept(socket as unknown as GuardedSocket)
    return socket
  }
  const admit = (socket: FakeSocket, caller: string): void => {
    const connection = connections.of(socket.remoteAddress, socket.remotePort)
    if (connection) connections.admitted(connection, caller)
  }
  const refuse = (socket: FakeSocket): void => {
    const connection = connections.of(socket.remoteAddress, socket.remotePort)
    if (connection) connections.refused(connection)
  }
  const states = (sockets: readonly FakeSocket[]) => sockets.map(({ destroyed }) => destroyed)
  return { clock, connections, open, admit, refuse, states }
}

t.test('the oldest stranger of an address, and then of the greediest address, gives way', async (t) => {
  const { open, admit, states, connections } = setUp({ strangersPerAddress: 3, strangers: 5 })
  const known = open('a')
  admit(known, 'web')
  const a = Array.from({ length: 4 }, () => open('a'))
  t.strictSame(states(a), [true, false, false, false])
  const b = [open('b'), open('b')]
  const c = open('c')
  t.strictSame(states(a), [true, true, false, false])
  t.strictSame(states([...b, c, known]), [false, false, false, false])
  t.equal(connections.strangers, 5)
})

t.test(
  'a stranger has a time, a number of bytes and of calls; who was let in has none of these',
  async (t) => {
    const { open, admit, refuse, clock, connections } = setUp({
      admitMs: 1000,
      strangerBytes: 100,
      refusals: 3,
    })
    const [slow, loud, wrong, known] = [open('a'), open('a'), open('a'), open('a')]
    admit(known, 'web')
    known.bytesRead = loud.bytesRead = 101
    clock.advance(100)
    t.ok(loud.destroyed)
    for (let i = 0; i < 3; i++) {
      refuse(wrong)
      refuse(known)
    }
    clock.advance(100)
    t.ok(wrong.destroyed)
    t.notOk(slow.destroyed)
    clock.advance(800)
    t.ok(slow.destroyed)
    clock.advance(60_000)
    t.notOk(known.destroyed)
    t.equal(connections.size, 1)
    t.equal(clock.pending, 0, 'nothing is looked at while there are no strangers')
  },
)

t.test('connections of one caller give way to its own newer ones', async (t) => {
  const { open, admit, states, connections } = setUp({ perCaller: 2 })
  const other = open('a')
  admit(other, 'other')
  const own = Array.from({ length: 3 }, () => open('a'))
  for (const one of own) admit(one, 'web')
  t.strictSame(states([other, ...own]), [false, true, false, false])
  for (const one of own) one.destroy()
  other.destroy()
  t.equal(connections.size, 0)
})

t.test('what a caller sends is paced by its own allowance', async (t) => {
  const clock = new ManualClock()
  const allowances = new Allowances({ calls: 2, bytesPerSecond: 1000, burstBytes: 4000 }, clock)
  t.equal(allowances.spend('a', 4000), 0)
  t.equal(allowances.spend('a', 1000), 0, 'what is used up is seen by the next one')
  t.equal(allowances.spend('a', 1000), 1000)
  t.equal(allowances.spend('b', 1000), 0)
  clock.advance(3000)
  t.equal(allowances.spend('a', 10), 0)
  t.ok(allowances.enter('a') && allowances.enter('a'))
  t.notOk(allowances.enter('a'))
  allowances.leave('a')
  t.ok(allowances.enter('a'))
  allowances.leave('a')
  allowances.leave('a')
  clock.advance(60_000)
  allowances.enter('c')
  allowances.leave('c')
  t.equal(allowances.size, 0, 'who is owed everything is forgotten')
})
