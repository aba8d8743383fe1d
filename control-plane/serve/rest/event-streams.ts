import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import { failure } from './failure.ts'

export interface EventStreamLimits {
  readonly total: number
  readonly perAddress: number
}

/** Of one page. A page that is open in several tabs listens as often. */
export const STREAM_LIMITS: EventStreamLimits = { total: 64, perAddress: 8 }
/** What a reader may have waiting; one that is slower is left, and comes back by itself if it is a browser. */
const MOST_WAITING = 4 * 1024 * 1024
const COMMENT_MS = 15_000

/** One listener. */
export interface EventStream {
  send(event: string, data: unknown): void
  /** The same of text that is JSON already, one line. */
  sendText(event: string, json: string): void
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) to a bounded number of listeners. */
export class EventStreams {
  readonly #limits: EventStreamLimits
  readonly #clock: Clock
  readonly #open = new Map<ServerResponse, string>()

  constructor(clock: Clock, limits: EventStreamLimits = STREAM_LIMITS) {
    this.#clock = clock
    this.#limits = limits
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * Answers with a stream, which `begin` fills; what that returns is called once nobody listens any more. Where too many listen, the
   * answer is 429. `stillMay` is asked every 15 seconds, and a stream for which it says no, or rejects, ends.
   */
  open(
    request: FastifyRequest,
    reply: FastifyReply,
    begin: (stream: EventStream) => () => void,
    stillMay: () => Promise<boolean>,
  ): void {
    const { ip } = request
    const same = [...this.#open.values()].filter((address) => address === ip).length
    if (this.#open.size >= this.#limits.total || same >= this.#limits.perAddress) {
      const message = 'too many listen already: close another page, or ask again later'
      void reply.code(429).send(failure('api.too_many_listeners', message, undefined))
      return
    }
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    this.#open.set(raw, ip)
    let cancel = (): void => {}
    const write = (text: string): void => {
      if (raw.destroyed) return
      if (raw.writableLength > MOST_WAITING) raw.destroy()
      else raw.write(text)
    }
    const comment = (): void => {
      write(': \n\n')
      cancel = this.#clock.after(COMMENT_MS, comment)
      stillMay().then(
        (may) => may || raw.destroy(),
        () => raw.destroy(),
      )
    }
    cancel = this.#clock.after(COMMENT_MS, comment)
    write(': \n\n')
    const end = begin({
      send: (event, data) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
      sendText: (event, json) => write(`event: ${event}\ndata: ${json}\n\n`),
    })
    raw.on('error', () => raw.destroy())
    raw.once('close', () => {
      cancel()
      this.#open.delete(raw)
      end()
    })
  }
}
