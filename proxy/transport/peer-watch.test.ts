import { spawnSync } from 'node:child_process'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { PeerWatch, type WatchedConnection } from './peer-watch.ts'
import type { TcpState } from './tcp-state.ts'

const FINE: TcpState = { unacknowledged: 0, retransmits: 0, probes: 0, silentMs: 100_000 }

function rig() {
  const clock = new ManualClock()
  const rigged = { state: FINE as TcpState | undefined, looks: 0, told: [] as string[], clock }
  const connection = {
    handed: 0,
    received: 0,
    awaited: true,
    pending: 0,
    fd: 7,
    keepAlive: () => void rigged.told.push('keep-alive'),
    peerSilent: (silent: boolean) => void rigged.told.push(silent ? 'silent' : 'speaks'),
    peerVanished: () => void rigged.told.push('vanished'),
  }
  const watch = new PeerWatch(clock, () => (rigged.looks++, rigged.state))
  watch.add(connection satisfies WatchedConnection)
  return Object.assign(rigged, { connection, watch })
}

t.test('the kernel is asked only where something that was sent may be unacknowledged', async (t) => {
  const r = rig()
  const { clock, connection, told, watch } = r
  clock.advance(5000)
  t.same(told, ['keep-alive'])
  t.equal(r.looks, 0)
  watch.delete(connection)
  clock.advance(1000)
  t.equal(clock.pending, 0)
})

t.test('nor where nobody waits, or the peer speaks', async (t) => {
  const r = rig()
  Object.assign(r.connection, { handed: 10, awaited: false })
  r.clock.advance(5000)
  r.connection.awaited = true
  for (let i = 0; i < 10; i++) {
    r.connection.received++
    r.clock.advance(500)
  }
  t.equal(r.looks, 0)
  r.clock.advance(500)
  t.equal(r.looks, 1)
})

t.test('all acknowledged: no further look until more is sent', async (t) => {
  const r = rig()
  r.connection.handed = 10
  r.clock.advance(5000)
  t.equal(r.looks, 1)
  r.connection.handed = 20
  r.clock.advance(5000)
  t.equal(r.looks, 2)
  r.connection.handed = 30
  r.connection.pending = 5
  r.clock.advance(1000)
  t.equal(r.looks, 4, 'the kernel has not even taken it')
})

t.test('what is sent again and again without an acknowledgement is silence, then the end', async (t) => {
  const r = rig()
  r.connection.handed = 10
  r.state = { unacknowledged: 1, retransmits: 1, probes: 0, silentMs: 1400 }
  r.clock.advance(500)
  r.state = { ...r.state, retransmits: 3, silentMs: 1900 }
  r.clock.advance(500)
  t.same(r.told, ['keep-alive', 'silent'])
  r.state = { ...r.state, silentMs: 9999 }
  r.clock.advance(500)
  t.same(r.told, ['keep-alive', 'silent'], 'said once')
  r.state = { ...r.state, silentMs: 10_000 }
  r.clock.advance(5000)
  t.same(r.told, ['keep-alive', 'silent', 'vanished'])
  t.equal(r.clock.pending, 0)
})

t.test(
  'a cut that is over in time, a closed window and a kernel that says nothing end nothing',
  async (t) => {
    const r = rig()
    r.connection.handed = 10
    r.state = { unacknowledged: 1, retransmits: 3, probes: 0, silentMs: 2000 }
    r.clock.advance(500)
    r.state = { unacknowledged: 1, retransmits: 0, probes: 0, silentMs: 100 }
    r.clock.advance(500)
    t.same(r.told, ['keep-alive', 'silent', 'speaks'])
    r.state = { unacknowledged: 0, retransmits: 0, probes: 1, silentMs: 60_000 }
    r.clock.advance(60_000)
    r.state = undefined
    r.clock.advance(60_000)
    t.equal(r.told.length, 3)
  },
)

t.test(
  'a real peer behind a cut: an HTTP/1.1 request hears of it within 3 s, an opaque connection ends within 15 s',
  { skip: process.getuid?.() !== 0 || spawnSync('unshare', ['-n', 'true']).status !== 0 },
  async (t) => {
    const script = new URL('./testing/cut-off.ts', import.meta.url).pathname
    const { stdout, stderr } = spawnSync('unshare', ['-n', process.execPath, script], { encoding: 'utf8' })
    t.match(JSON.parse(stdout || '{}'), { heard: true, relay: 'ETIMEDOUT', request: 'connection' }, stderr)
  },
)
