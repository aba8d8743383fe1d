import type { ManualClock } from '../../../core/clock.ts'
import { Watched } from '../../../core/watched.ts'
import type { Fields, RequestHead, ResponseHead } from '../../http/message.ts'
import type { ResetReason, ServerStream } from '../../http/stream.ts'
import type { Hop } from '../../model/hop.ts'
import type { HttpConnectionManager } from '../../model/listener.ts'
import { formatFlags } from '../../model/response-flag.ts'
import type { Route, RouteConfiguration } from '../../model/route.ts'
import { NO_STEPS } from '../../steps/request-steps.ts'
import { HOP } from '../../steps/testing/requests.ts'
import { MANAGER } from '../../testing/static-configuration.ts'
import { FakeUpstream } from '../../upstream/testing/fake-upstream.ts'
import { WeightedPicks, type ExchangeDependencies } from '../dependencies.ts'
import { Exchange } from '../exchange.ts'
import { MirrorRoom } from '../mirror-room.ts'
import { RunningExchanges } from '../running-exchanges.ts'
import { noTelemetry, type RequestRecord, type TelemetrySink } from '../telemetry-sink.ts'

/** The caller's end of one request: what came back to it. */
export class FakeCaller implements ServerStream {
  readonly informationals: number[] = []
  answer: ResponseHead | undefined
  body = ''
  ended = false
  trailers: Fields | undefined
  resetBy: ResetReason | undefined
  paused = false
  /** What `data` gives. */
  room = true
  exchange!: Exchange

  get status(): number | undefined {
    return this.answer?.status
  }

  /** More of the request's body. */
  say(text: string): void {
    this.exchange.onData(Buffer.from(text, 'latin1'))
  }

  finish(trailers?: Fields): void {
    this.exchange.onEnd(trailers)
  }

  leave(): void {
    this.exchange.onReset('cancel', 'the test leaves')
  }

  informational(head: ResponseHead): void {
    this.informationals.push(head.status)
  }

  head(head: ResponseHead, end: boolean): void {
    if (this.answer) throw new Error('a second answer')
    this.answer = head
    this.ended = end
  }

  data(chunk: Uint8Array): boolean {
    if (!this.answer || this.ended) throw new Error('data out of place')
    this.body += Buffer.from(chunk).toString('latin1')
    return this.room
  }

  end(trailers: Fields | undefined): void {
    if (!this.answer || this.ended) throw new Error('end out of place')
    this.ended = true
    this.trailers = trailers
  }

  reset(reason: ResetReason): void {
    this.resetBy = reason
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }
}

export interface Sending {
  readonly method?: string
  readonly path?: string
  readonly fields?: Fields
  readonly upgrade?: string
  /** The body follows. */
  readonly open?: boolean
}

/** Exchanges without a socket on either side, on a clock that the test moves. */
export class MemoryExchange {
  readonly upstream = new FakeUpstream({ random: () => this.pickRandom() })
  readonly routes = new Watched<RouteConfiguration | null | undefined>(undefined)
  readonly records: RequestRecord[] = []
  readonly counts: string[] = []
  /** Requests that telemetry was told of at their start. */
  started = 0
  readonly running = new RunningExchanges()
  overloaded = false
  /** Is told what is told here, too. */
  telemetry: TelemetrySink = noTelemetry
  /** At least 0, less than 1. */
  random: () => number = () => 0
  /** The same, for picks of a backend and of an endpoint. */
  pickRandom: () => number = () => 0
  steps = NO_STEPS
  hop: Hop = { ...HOP, direction: 'outbound' }
  settings: HttpConnectionManager = MANAGER
  readonly #deps: ExchangeDependencies

  constructor(...routes: readonly Route[]) {
    if (routes.length > 0) this.setRoutes(routes)
    this.#deps = {
      clusters: this.upstream.clusters,
      telemetry: {
        ...noTelemetry,
        beginTrace: (record, head, percent) => this.telemetry.beginTrace(record, head, percent),
        trySpanId: () => this.telemetry.trySpanId(),
        writeTry: (head, span, spanId) => this.telemetry.writeTry(head, span, spanId),
        mirrorFinished: (record, copy) => this.telemetry.mirrorFinished(record, copy),
        requestStarted: (direction) => {
          this.started++
          this.telemetry.requestStarted(direction)
        },
        requestFinished: (record, head) => {
          this.records.push({ ...record })
          this.telemetry.requestFinished(record, head)
        },
        count: (name) => {
          this.counts.push(name)
          this.telemetry.count(name)
        },
      },
      picks: new WeightedPicks(() => this.pickRandom()),
      mirrorRoom: new MirrorRoom(),
      clock: this.upstream.clock,
      random: () => this.random(),
      configVersion: () => 'v1',
      configWaitMs: 500,
      running: this.running,
      overloaded: () => this.overloaded,
    }
  }

  /** The manager as it is now, to every request of one connection. */
  readonly #managers = ((exchange) => ({
    get value() {
      return { settings: exchange.settings, routes: exchange.routes, steps: exchange.steps }
    },
  }))(this)

  get clock(): ManualClock {
    return this.upstream.clock
  }

  setRoutes(routes: readonly Route[]): void {
    this.routes.set({ name: 'r', virtualHosts: [{ name: 'all', domains: ['*'], routes }] })
  }

  send({ method = 'GET', path = '/', fields = [], upgrade = '', open = false }: Sending = {}): FakeCaller {
    const caller = new FakeCaller()
    const head: RequestHead = { method, scheme: 'http', authority: 'shop', path, fields, upgrade }
    caller.exchange = new Exchange(this.#deps, this.#managers, this.hop, caller, head, !open)
    caller.exchange.start()
    return caller
  }

  /** Flags and details of the requests that are over, e.g. `UH no_healthy_upstream`. */
  get told(): readonly string[] {
    return this.records.map(({ flags, details }) => `${formatFlags(flags)} ${details}`)
  }

  /** Nothing of any request is left: no timer, no count, no watch. */
  get leftovers() {
    const clusters = [...this.upstream.clusters.clusters.values()]
    return {
      running: this.running.size,
      active: clusters.reduce((sum, { active }) => sum + active, 0),
      tries: clusters.reduce(
        (sum, { states }) => sum + [...states.values()].reduce((inner, state) => inner + state.active, 0),
        0,
      ),
      watchers: this.routes.watchers,
    }
  }
}

export const NOTHING_LEFT = { running: 0, active: 0, tries: 0, watchers: 0 }
