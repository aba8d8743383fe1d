import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { Watched } from '../../core/watched.ts'
import { TlsContexts } from '../transport/tls-contexts.ts'
import { createConnector, type ConnectFailure, type ConnectTarget } from './connector.ts'
import { meshTls } from './testing/mesh-tls.ts'

/** Attempts here end before the event loop could say what became of them. */
function start(change: Partial<ConnectTarget> = {}) {
  const clock = new ManualClock()
  const connector = createConnector(
    new TlsContexts(new Watched(undefined)),
    () => ({ ok: false, reason: 'nobody' }),
    clock,
  )
  const failures: (ConnectFailure | undefined)[] = []
  const target: ConnectTarget = {
    host: '127.0.0.1',
    port: 1,
    tls: undefined,
    identity: '',
    purpose: 'http',
    timeoutMs: 2000,
    ...change,
  }
  const attempt = connector(target, (_connected, failure) => failures.push(failure))
  return { clock, failures, attempt }
}

t.test('the timeout covers the whole attempt, to the millisecond', async (t) => {
  const { clock, failures } = start()
  clock.advance(1999)
  t.same(failures, [])
  clock.advance(1)
  t.match(failures, [{ reason: 'connect', details: 'upstream_connect_timeout' }])
  t.equal(clock.pending, 0)
})

t.test('who gives up is not called, and no timer stays', async (t) => {
  const { clock, failures, attempt } = start()
  attempt.cancel()
  t.equal(clock.pending, 0)
  clock.advance(5000)
  t.same(failures, [])
})

t.test('without a certificate of its own the workload opens nothing, and says so later', async (t) => {
  const { clock, failures } = start({ tls: meshTls([]) })
  t.same(failures, [])
  while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(failures, [{ reason: 'connect', details: /upstream_tls\{.*no mesh certificate/ }])
  t.equal(clock.pending, 0)
})
