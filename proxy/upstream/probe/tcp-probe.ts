import type { Clock } from '../../../core/clock.ts'
import type { ConnectDone } from '../connector.ts'
import type { ProbeDone } from './probe.ts'

/** Whether a connection comes about, with its TLS where there is any; it is closed at once. The returned function gives it up. */
export function tcpProbe(
  endpoint: { connect(done: ConnectDone): { cancel(): void } },
  timeoutMs: number,
  clock: Clock,
  done: ProbeDone,
): () => void {
  const attempt = endpoint.connect((connected, failure) => {
    cancelTimeout()
    connected?.socket.destroy()
    if (connected) done({ ok: true, text: 'connected' })
    else done(failure?.reason === 'connect' ? { ok: false, text: failure.details } : undefined)
  })
  const cancelTimeout = clock.after(timeoutMs, () => {
    attempt.cancel()
    done({ ok: false, text: 'no connection in time' })
  })
  return () => {
    cancelTimeout()
    attempt.cancel()
  }
}
