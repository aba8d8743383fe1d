import t, { type Test } from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { FakeApi } from '../kubernetes/testing/fake-api.ts'
import { electLeader, type Leader } from './leader.ts'
import type { Lease, LeaseSpec } from './lease.ts'

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/weft-system/leases/leader'

async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const lines: string[] = []
  const clocks: ManualClock[] = []
  const underWay = { count: 0 }
  /** Each replica has a clock of its own. */
  const elect = (identity: string): Leader & { identity: string; clock: ManualClock } => {
    const clock = new ManualClock(Date.now())
    clocks.push(clock)
    const connection = api.connect(t)
    const leader = electLeader({
      connection: {
        async request(request) {
          underWay.count++
          try {
            return await connection.request(request)
          } finally {
            underWay.count--
          }
        },
      },
      namespace: 'weft-system',
      name: 'leader',
      identity,
      clock,
      random: () => 0,
      log: createLogger('test', 'info', (line) => lines.push(line)),
    })
    return { ...leader, identity, clock }
  }
  const spec = () => (api.get(LEASE) as Lease | undefined)?.spec ?? ({} as LeaseSpec)
  /** Everybody has heard what was asked and has drawn conclusions. */
  const settled = async (): Promise<void> => {
    do await new Promise((resolve) => setImmediate(resolve))
    while (underWay.count > 0 && api.hanging === 0)
  }
  /** Moves all clocks on in steps until the state is as wanted. Gives how far, in milliseconds. */
  const until = async (holds: () => boolean, stepMs = 1_000): Promise<number> => {
    for (let steps = 0; ; steps++) {
      await settled()
      if (holds()) return steps * stepMs
      for (const clock of clocks) clock.advance(stepMs)
    }
  }
  return { api, lines, elect, spec, settled, until }
}

t.test('one of several leads, renews, and gives the Lease back', async (t) => {
  const { elect, spec, api, settled, until } = await setUp(t)
  const replicas = [elect('a'), elect('b'), elect('c')]
  const leads = () => replicas.filter((one) => one.leading.value)
  await until(() => leads().length > 0)
  t.equal(leads().length, 1)
  const [first] = leads()
  if (!first) return
  t.ok(first.mayWrite())
  t.match(spec(), {
    holderIdentity: first.identity,
    leaseDurationSeconds: 15,
    leaseTransitions: 0,
    acquireTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
    renewTime: /Z$/,
  })
  const { acquireTime, renewTime } = spec()
  await until(() => spec().renewTime !== renewTime)
  t.equal(spec().acquireTime, acquireTime)
  for (let i = 0; i < 20; i++) {
    for (const { clock } of replicas) clock.advance(2_000)
    await settled()
  }
  t.strictSame(leads(), [first], 'it stays so')
  t.ok(first.mayWrite())
  await first.close()
  t.equal(first.leading.value, false)
  t.equal(spec().holderIdentity, '')
  const waited = await until(() => leads().length > 0)
  t.ok(waited <= 4_000, `another need not wait for its end: ${waited} ms`)
  t.equal(spec().leaseTransitions, 1)
  for (const one of replicas) await one.close()
  t.equal(spec().holderIdentity, '')
  const writes = api.writes.length
  for (const { clock } of replicas) clock.advance(60_000)
  await settled()
  t.equal(api.writes.length, writes, 'closed is closed')
})

t.test('a leader that died is replaced after its time, by own clocks only', async (t) => {
  const { elect, spec, api, until } = await setUp(t)
  // Hours off in both directions: what it wrote as time must not matter.
  for (const off of [-7_200_000, 7_200_000]) {
    const written = new Date(Date.now() + off).toISOString().replace('Z', '000Z')
    api.put(LEASE, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'leader' },
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: 15,
        acquireTime: written,
        renewTime: written,
        leaseTransitions: 4,
      },
    })
    const next = elect('next')
    const waited = await until(() => next.leading.value)
    t.ok(waited >= 15_000 && waited <= 20_000, `took over after ${waited} ms`)
    t.equal(spec().leaseTransitions, 5)
    await next.close()
  }
})

t.test('a leader that cannot renew stops before others think that it has', async (t) => {
  const { elect, api, lines, until } = await setUp(t)
  const leader = elect('a')
  await until(() => leader.leading.value)
  api.hook = () => 'hang'
  const waited = await until(() => !leader.leading.value)
  t.ok(waited >= 8_000 && waited <= 11_000, `stopped after ${waited} ms`)
  t.notOk(leader.mayWrite())
  t.match(lines.join(''), /no longer leading/)
})

t.test('after an outage of the API server the same one or another leads again', async (t) => {
  const { elect, api, until } = await setUp(t)
  const replicas = [elect('a'), elect('b')]
  const leads = () => replicas.filter((one) => one.leading.value).length
  await until(() => leads() === 1)
  api.hook = () => ({ status: 500 })
  await until(() => leads() === 0)
  api.hook = () => undefined
  await until(() => leads() === 1)
  t.equal(replicas.filter((one) => one.mayWrite()).length, 1)
  for (const one of replicas) await one.close()
})

t.test('a process that was stopped for long does not write when it goes on', async (t) => {
  const { elect, until } = await setUp(t)
  const leader = elect('a')
  await until(() => leader.leading.value)
  // Its timers did not run, only time did.
  const now = leader.clock.now.bind(leader.clock)
  leader.clock.now = () => now() + 60_000
  t.equal(leader.leading.value, true)
  t.equal(leader.mayWrite(), false)
})

t.test('a Lease that somebody took or deleted is believed at once', async (t) => {
  const { elect, api, spec, until } = await setUp(t)
  const leader = elect('a')
  await until(() => leader.leading.value)
  const taken = api.get(LEASE) as Lease
  api.put(LEASE, { ...taken, spec: { ...taken.spec, holderIdentity: 'thief' } })
  t.ok((await until(() => !leader.leading.value)) <= 2_000)
  t.equal(spec().holderIdentity, 'thief', 'it is not taken back before its end')
  api.remove(LEASE)
  t.ok((await until(() => leader.leading.value)) <= 20_000)
  api.remove(LEASE)
  await until(() => api.get(LEASE) !== undefined)
  await until(() => leader.leading.value)
  t.equal(spec().holderIdentity, 'a')
})

t.test('closing while it asks gives back what it may just have got', async (t) => {
  const { elect, spec } = await setUp(t)
  const leader = elect('a')
  await leader.close()
  t.equal(spec().holderIdentity ?? '', '')
})
