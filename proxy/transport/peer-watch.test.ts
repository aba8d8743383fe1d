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
    awaitsAnswer: false,
    pending: 0,
    fd: 7,
    keepAlive: (often?: object) => void rigged.told.push(often ? 'asks often' : 'asks'),
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
  t.same(told, ['asks'])
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

/** Something was sent right after a look that found all well, and is not acknowledged for `ms`. */
function unacknowledged(r: ReturnType<typeof rig>, ms: number, state: Partial<TcpState> = {}): void {
  r.connection.handed += 10
  r.state = { unacknowledged: 1, retransmits: 3, probes: 0, silentMs: 100_000, ...state }
  r.clock.advance(ms)
}
const silences = (told: readonly string[]): string[] => told.filter((each) => !each.startsWith('asks'))

t.test('what is sent again and again without an acknowledgement is silence, then the end', async (t) => {
  const r = rig()
  r.clock.advance(60_000)
  unacknowledged(r, 1000)
  t.same(silences(r.told), [], 'that it was quiet before says nothing')
  r.clock.advance(500)
  t.same(silences(r.told), ['silent'])
  r.clock.advance(8000)
  t.same(silences(r.told), ['silent'], 'said once')
  r.clock.advance(5000)
  t.same(silences(r.told), ['silent', 'vanished'])
  t.equal(r.clock.pending, 0)
})

t.test('a stall of ours speaks against nobody: the kernel heard the peer meanwhile', async (t) => {
  const r = rig()
  r.clock.advance(500)
  unacknowledged(r, 60_000, { silentMs: 1499 })
  t.same(silences(r.told), [])
})

t.test(
  'a cut that is over in time, a closed window and a kernel that says nothing end nothing',
  async (t) => {
    const r = rig()
    r.clock.advance(500)
    unacknowledged(r, 9500)
    r.state = { unacknowledged: 1, retransmits: 0, probes: 0, silentMs: 100 }
    r.clock.advance(500)
    t.same(silences(r.told), ['silent', 'speaks'])
    r.state = { unacknowledged: 0, retransmits: 0, probes: 1, silentMs: 60_000 }
    r.clock.advance(60_000)
    r.state = undefined
    r.clock.advance(60_000)
    t.equal(silences(r.told).length, 2)
  },
)

t.test(
  'who waits for an answer has the peer asked every second, as long as that is waited for',
  async (t) => {
    const r = rig()
    r.connection.handed = 10
    r.connection.awaitsAnswer = true
    r.clock.advance(500)
    t.same(r.told, ['asks'], 'most answers come sooner')
    r.clock.advance(500)
    t.same(r.told, ['asks', 'asks often'])
    r.clock.advance(10_000)
    t.equal(r.told.length, 2)
    // It was acknowledged long ago; two probes were not.
    r.state = { unacknowledged: 0, retransmits: 0, probes: 2, silentMs: 2100 }
    r.clock.advance(1500)
    t.same(silences(r.told), ['silent'])
    r.state = FINE
    r.clock.advance(500)
    t.same(silences(r.told), ['silent', 'speaks'])
    r.connection.awaitsAnswer = false
    r.clock.advance(500)
    t.equal(r.told.at(-1), 'asks')
    const { looks } = r
    r.clock.advance(10_000)
    t.equal(r.looks, looks)
  },
)

t.test('no answer is awaited that keeps coming', async (t) => {
  const r = rig()
  r.connection.awaitsAnswer = true
  for (let i = 0; i < 10; i++) {
    r.connection.received++
    r.clock.advance(500)
  }
  t.same(r.told, ['asks'])
})

t.test(
  'a real peer behind a cut: an HTTP/1.1 request hears of it within 3 s, an opaque connection ends within 15 s',
  { skip: process.getuid?.() !== 0 || spawnSync('unshare', ['-n', 'true']).status !== 0 },
  async (t) => {
    const script = new URL('./testing/cut-off.ts', import.meta.url).pathname
    const { stdout, stderr } = spawnSync('unshare', ['-n', process.execPath, script], { encoding: 'utf8' })
    t.match(JSON.parse(stdout || '{}'), { heard: true, relay: 'ETIMEDOUT', request: 'connection' }, stderr)
  },
)
