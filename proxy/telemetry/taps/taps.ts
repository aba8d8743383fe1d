import { monotonicClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { tapTakes } from '../../../core/tap/tap-filter.ts'
import { readTapQuestion, TAP_LIMITS, type TapQuestion } from '../../../core/tap/tap-protocol.ts'
import type { RequestRecord } from '../../exchange/telemetry-sink.ts'
import type { RequestHead } from '../../http/message.ts'
import type { Following, Telling } from '../../questions/questions.ts'
import type { ResourceAttributes } from '../resource.ts'
import { tappedPod, tappedRequest, tapSubject, type TappedPod } from './tapped-request.ts'

/** Hears of each request that is over; `traced`: spans of it are exported. Must not throw. */
export type RequestListener = (record: RequestRecord, head: RequestHead, traced: boolean) => void

export interface TapsOptions {
  readonly resource: ResourceAttributes
  /** Has requests told to this one from now on; undefined: to nobody. */
  readonly listen: (listener: RequestListener | undefined) => void
  readonly clock?: Clock
}

/** Several people at once; more are told to wait. */
const MOST_TAPS = 8
const FLUSH_MS = 200

/** The taps of a sidecar: what a control plane asks to be told of its requests as they end. Without one nobody listens. */
export class Taps {
  readonly #options: TapsOptions
  readonly #own: TappedPod
  readonly #open = new Set<Tap>()
  #allowed = true

  constructor(options: TapsOptions) {
    this.#options = options
    this.#own = tappedPod(options.resource)
  }

  /** What pod and namespace say; where they forbid it, taps that are open end. */
  set allowed(allowed: boolean) {
    this.#allowed = allowed
    if (!allowed) for (const tap of [...this.#open]) tap.over(OFF)
  }

  /** Begins one. Throws WeftErrors that say what is wrong with the question, that taps are off, or that there are too many. */
  open(question: unknown, telling: Telling): Following {
    const asked = readTapQuestion(question)
    if (!this.#allowed) throw new WeftError('tap.off', OFF)
    if (this.#open.size >= MOST_TAPS)
      throw new WeftError('tap.many', `${MOST_TAPS} taps are open at this sidecar: end one of them`)
    const clock = this.#options.clock ?? monotonicClock
    const tap = new Tap({ asked, telling, clock, own: this.#own, ended: () => this.#ended(tap) })
    this.#open.add(tap)
    if (this.#open.size === 1) this.#options.listen((...told) => this.#request(...told))
    tap.begin()
    return tap
  }

  #request(record: RequestRecord, head: RequestHead, traced: boolean): void {
    for (const tap of this.#open) tap.request(record, head, traced)
  }

  #ended(tap: Tap): void {
    if (this.#open.delete(tap) && this.#open.size === 0) this.#options.listen(undefined)
  }
}

const OFF = 'taps are off by the annotation weft.dev/tap of the pod or its namespace'

interface TapOptions {
  readonly asked: TapQuestion
  readonly telling: Telling
  readonly clock: Clock
  readonly own: TappedPod
  readonly ended: () => void
}

/** One of them. What waits to be told is bounded; while the one before is not on its way nothing follows. */
class Tap implements Following {
  readonly #options: TapOptions
  #second = -Infinity
  #inSecond = 0
  #requests: string[] = []
  #length = 0
  #skipped = 0
  /** A batch is not on its way yet. */
  #sending = false
  #cancelFlush: (() => void) | undefined
  #cancelLease = (): void => {}
  #isOver = false

  constructor(options: TapOptions) {
    this.#options = options
  }

  /** Says at once that it is open. */
  begin(): void {
    this.renew()
  }

  renew(): void {
    if (this.#isOver) return
    this.#cancelLease()
    this.#cancelLease = this.#options.clock.after(TAP_LIMITS.leaseMs, () =>
      this.over('nobody has asked for it any more'),
    )
    this.#flush()
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelLease()
    this.#cancelFlush?.()
    this.#options.ended()
  }

  over(reason: string): void {
    if (this.#isOver) return
    this.end()
    this.#options.telling.over(reason)
  }

  request(record: RequestRecord, head: RequestHead, traced: boolean): void {
    const { asked, own, clock } = this.#options
    if (!tapTakes(asked.filter, tapSubject(record, own))) return
    const now = clock.now()
    if (now - this.#second >= 1000) {
      this.#second = now
      this.#inSecond = 0
    }
    if (this.#inSecond >= asked.rate || this.#length >= TAP_LIMITS.batch) this.#skipped++
    else {
      this.#inSecond++
      const text = JSON.stringify(tappedRequest(record, head, own, { headers: asked.headers, traced }))
      this.#requests.push(text)
      this.#length += text.length
    }
    if (!this.#sending) this.#cancelFlush ??= clock.after(FLUSH_MS, () => this.#flush())
  }

  #flush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    if (this.#isOver || this.#sending) return
    const batch = `{"requests":[${this.#requests.join(',')}],"skipped":${this.#skipped}}`
    this.#requests = []
    this.#length = 0
    this.#skipped = 0
    this.#sending = true
    this.#options.telling.tell(batch, () => {
      this.#sending = false
      if (this.#requests.length > 0 || this.#skipped > 0)
        this.#cancelFlush ??= this.#options.clock.after(FLUSH_MS, () => this.#flush())
    })
  }
}
