import t from 'tap'
import { callerLimits, largestLimits, NO_LIMITS } from './workload-limits.ts'

const HOUR_MS = 3_600_000

t.test('of a Service the largest counts, and for ever is the longest', async (t) => {
  t.equal(largestLimits([]), NO_LIMITS)
  t.equal(largestLimits([NO_LIMITS, { requestBytes: 10, applicationIdleMs: 5 }]), NO_LIMITS)
  t.same(largestLimits([{ headerFields: 300 }, NO_LIMITS, { headerFields: 200, headerKib: 70 }]), {
    headerFields: 300,
    headerKib: 70,
  })
  for (const pods of [
    [{ idleMs: 0 }, { idleMs: HOUR_MS }],
    [{ idleMs: HOUR_MS }, { idleMs: 0 }],
  ])
    t.same(largestLimits(pods), { idleMs: 0 })
})

t.test('a caller takes what its own pod says, and never less than its destination', async (t) => {
  t.equal(callerLimits(NO_LIMITS, NO_LIMITS), NO_LIMITS)
  t.same(callerLimits({ headerFields: 50, requestMs: 1000, requestBytes: 5 }, NO_LIMITS), {
    headerFields: 50,
  })
  t.same(callerLimits({ headerFields: 50 }, { headerFields: 70 }), { headerFields: 70 })
  t.same(callerLimits(NO_LIMITS, { headerFields: 70 }), { headerFields: 100 }, 'the default is more')
  t.same(callerLimits({ idleMs: 1000 }, { idleMs: 0 }), { idleMs: 0 })
  t.same(callerLimits(NO_LIMITS, { idleMs: 60_000 }), { idleMs: HOUR_MS })
})

t.test('when a peer is asked whether it is there is for each end to say by itself', async (t) => {
  const own = { pingIntervalMs: 60_000, tcpKeepAliveProbes: 4 }
  const destination = { pingIntervalMs: 1000, pingTimeoutMs: 2000, tcpKeepAliveMs: 1000 }
  t.same(callerLimits(own, destination), own)
  t.equal(callerLimits(NO_LIMITS, destination), NO_LIMITS)
  t.equal(largestLimits([own, destination]), NO_LIMITS)
})
