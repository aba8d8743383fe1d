import { ALPN_LINK, PROTOCOL_HEADER, SHED_HEADER, USER_AGENT } from '../../../core/contract.ts'
import type { Clock } from '../../../core/clock.ts'
import { field, type Fields, type RequestHead, type ResponseHead } from '../../http/message.ts'
import type { ClientStream, ClientStreamReader, ResetReason } from '../../http/stream.ts'
import type { GrpcProbeSettings, HttpProbeSettings } from '../../model/health-check.ts'
import type { ConnectFailure } from '../connector.ts'
import type { HttpPool, PooledConnection, PoolWaiter } from '../http-pool.ts'
import { HEALTH_CHECK_PATH, healthCheckAnswer, healthCheckRequest } from './grpc-health.ts'
import type { ProbeDone } from './probe.ts'

/** An answer to a probe that is longer says nothing, and costs its connection. */
const MOST_BYTES = 64 * 1024

/** One request that asks an endpoint how it is, over its pool, so in the way that requests go. */
export class HttpProbe implements PoolWaiter, ClientStreamReader {
  /** A connection that its server closes under it would say nothing of the server. */
  readonly reuse = 'safe'
  readonly #pool: HttpPool
  readonly #settings: HttpProbeSettings | GrpcProbeSettings
  readonly #done: ProbeDone
  readonly #cancelTimeout: () => void
  #stream: ClientStream | undefined
  /** A sidecar of ours answers. */
  #link = false
  #status = 0
  #body = Buffer.alloc(0)
  #over = false

  constructor(
    pool: HttpPool,
    settings: HttpProbeSettings | GrpcProbeSettings,
    timeoutMs: number,
    clock: Clock,
    done: ProbeDone,
  ) {
    this.#pool = pool
    this.#settings = settings
    this.#done = done
    this.#cancelTimeout = clock.after(timeoutMs, () => {
      this.#leave()
      this.#finish({ ok: false, text: 'no answer in time' })
    })
  }

  start(): void {
    this.#pool.acquire(this)
  }

  /** `done` is not called any more. */
  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#cancelTimeout()
    this.#leave()
  }

  onConnection({ codec, alpn }: PooledConnection): void {
    if (this.#over) return
    this.#link = alpn === ALPN_LINK
    const settings = this.#settings
    if (settings.kind === 'http') {
      this.#stream = codec.open(headOf(settings.method, settings.host, settings.path, []), true, this)
      return
    }
    const fields = ['content-type', 'application/grpc', 'te', 'trailers']
    // As of any request that began as HTTP/2.
    if (this.#link) fields.push(PROTOCOL_HEADER, '2')
    const head = headOf('POST', settings.authority, HEALTH_CHECK_PATH, fields)
    this.#stream = codec.open(head, false, this)
    this.#stream.data(healthCheckRequest(settings.service))
    this.#stream.end(undefined)
  }

  onConnectFailure({ reason, details }: ConnectFailure): void {
    // No room, or an endpoint that has gone, says nothing.
    this.#finish(reason === 'connect' ? { ok: false, text: details } : undefined)
  }

  onInformational(): void {}

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#over) return
    // A limit that is met says nothing of the server behind it.
    if (this.#link && field(head.fields, SHED_HEADER) !== undefined) {
      if (!end) this.#leave()
      return this.#finish(undefined)
    }
    this.#status = head.status
    if (end) this.onEnd(head.fields)
  }

  onData(chunk: Buffer): void {
    if (this.#over) return
    if (this.#body.length + chunk.length > MOST_BYTES) {
      this.#leave()
      return this.#finish({ ok: false, text: 'the answer is too long' })
    }
    this.#body = Buffer.concat([this.#body, chunk])
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.#over) return
    const settings = this.#settings
    const status = this.#status
    if (settings.kind === 'http') {
      const ok = settings.expected.some(([from, until]) => status >= from && status < until)
      return this.#finish({ ok, text: `status ${status}` })
    }
    const grpcStatus = trailers && field(trailers, 'grpc-status')
    if (status !== 200 || grpcStatus !== '0') {
      const text = grpcStatus === undefined ? `status ${status}` : `grpc-status ${grpcStatus}`
      return this.#finish({ ok: false, text })
    }
    const { serving, text } = healthCheckAnswer(this.#body)
    this.#finish({ ok: serving, text })
  }

  onReset(reason: ResetReason): void {
    this.#finish({ ok: false, text: `no whole answer: ${reason}` })
  }

  onWritable(): void {}

  #leave(): void {
    if (this.#stream) this.#stream.reset('cancel')
    else this.#pool.cancel(this)
  }

  #finish(result: Parameters<ProbeDone>[0]): void {
    if (this.#over) return
    this.#over = true
    this.#cancelTimeout()
    this.#done(result)
  }
}

function headOf(method: string, authority: string, path: string, fields: Fields): RequestHead {
  return {
    method,
    scheme: 'http',
    authority,
    path,
    fields: [...fields, 'user-agent', `${USER_AGENT}-health-check`],
    upgrade: '',
  }
}
