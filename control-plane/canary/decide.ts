import type { CanaryObject, CanaryStep } from '../registry/kinds/canary.ts'
import { judge, NO_EVIDENCE, type Observation, type Verdict } from './evidence/step-evidence.ts'
import type { QueryResult } from './evidence/prometheus.ts'
import { actOn, parseRequest } from './requests.ts'
import { sameShape, STABLE_ONLY, type OwnedRules } from './route-shape.ts'
import type { CanaryPhase, CanaryStatus, RouteShape } from './status.ts'

/** What a controller found out, just now. */
export interface CanaryFacts {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Of the route as it is; a text where it can't be used: why. */
  readonly route: OwnedRules | string
  /** Of the new version: the hash of its pods' template, '' while unknown, and how many of its endpoints are ready. */
  readonly revision: string
  readonly ready: number
  /** What to say while it is not there; left out: that no pod is ready. */
  readonly waits?: string
  /** What somebody asked for last, see requests.ts; ''. */
  readonly request: string
  /** Since the last look. */
  readonly seen: Observation
  readonly queries: readonly QueryResult[]
}

export interface CanaryEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export interface Decision {
  readonly status: CanaryStatus
  /** What the route shall be; undefined: it is left as it is. */
  readonly shape: RouteShape | undefined
  readonly events: readonly CanaryEvent[]
}

const NOTHING_SEEN: Observation = {
  stable: { judged: 0, failed: 0, durations: [] },
  canary: { judged: 0, failed: 0, durations: [] },
}
const MOST_HISTORY = 20
/** Reports tell of the last second, up to a second late: what they say before is about the step before. */
const SETTLE_MS = 2000

/**
 * What follows for a Canary from what was known of it and what is seen now. Pure: `before` is the status that was saved
 * last (undefined: none), and the same inputs give the same decision on any replica.
 */
export function decide(canary: CanaryObject, before: CanaryStatus | undefined, facts: CanaryFacts): Decision {
  const run = new Run(canary, before, facts)
  run.begin()
  run.leaveEditsAlone()
  run.act()
  run.look()
  return run.decision()
}

/** The phases in which a Canary holds the route to what it wrote. */
const ACTIVE: ReadonlySet<CanaryPhase> = new Set(['Progressing', 'Paused'])

class Run {
  readonly #canary: CanaryObject
  readonly #facts: CanaryFacts
  readonly #events: CanaryEvent[] = []
  readonly #subject: string
  readonly #known: CanaryStatus | undefined
  #status: CanaryStatus
  #shape: RouteShape | undefined

  constructor(canary: CanaryObject, before: CanaryStatus | undefined, facts: CanaryFacts) {
    this.#canary = canary
    this.#facts = facts
    const { route, stable, canary: next } = canary.spec
    this.#subject = `${route.kind}/${route.name} ${stable.name}:${stable.port} ${next.name}:${next.port}`
    this.#known = before
    this.#status = before ?? this.#fresh()
  }

  decision(): Decision {
    const { generation } = this.#canary.meta
    return {
      status: { ...this.#status, observedGeneration: generation, steps: this.#steps.length },
      shape: this.#shape,
      events: this.#events,
    }
  }

  get #steps(): readonly CanaryStep[] {
    return this.#canary.spec.steps
  }

  /** A Canary that is new, is about something else now, or has another revision of the new version, begins. */
  begin(): void {
    const { revision, ready, route } = this.#facts
    const known = this.#known
    const other = known !== undefined && known.subject !== this.#subject
    const newer =
      known !== undefined && revision !== '' && known.revision !== '' && known.revision !== revision
    if (other || (newer && known.phase !== 'HandedOver')) this.#status = this.#fresh(known.history)
    if (this.#status.phase !== 'Waiting') {
      if (this.#status.revision === '' && revision !== '') this.#set({ revision })
      return
    }
    if (typeof route === 'string') return this.#wait('RouteNotReady', route)
    if (ready === 0) {
      const { name } = this.#canary.spec.canary
      // Nobody may be sent to a version that is not there.
      if (route.shape.weight !== 0) this.#write(STABLE_ONLY)
      return this.#wait('NoEndpoint', this.#facts.waits || `no pod behind Service ${name} is ready`)
    }
    this.#start(`begins with ${revision === '' ? 'the new version' : `revision ${revision}`}`)
  }

  /** Before anything that somebody asked for: what they edited is theirs. */
  leaveEditsAlone(): void {
    const { route } = this.#facts
    if (!ACTIVE.has(this.#status.phase) || this.#shape !== undefined || typeof route === 'string') return
    const { shape, before } = this.#status.route
    if (sameShape(route.shape, shape) || (before !== null && sameShape(route.shape, before))) return
    this.#handOver(route)
  }

  /** What somebody asked for. */
  act(): void {
    const { request } = this.#facts
    if (request === this.#status.request) return
    this.#set({ request })
    const action = parseRequest(request)
    if (!action) return
    switch (actOn(action, this.#status)) {
      case 'next':
        return this.#toStep(this.#status.step + 1, `somebody went on to the next step`)
      case 'finish':
        return this.#toStep(this.#steps.length, 'somebody promoted it')
      case 'hold':
        this.#set({ held: true })
        return this.#enter('Paused', 'Held', 'somebody paused it; `weft canary resume` goes on')
      case 'go on':
        // Whoever goes on after a breach has seen why: it is judged by what comes.
        this.#set({ held: false, ...(this.#status.reason === 'Breach' ? { evidence: NO_EVIDENCE } : {}) })
        return this.#steps[this.#status.step]?.kind === 'pause'
          ? this.#toStep(this.#status.step + 1, 'somebody went on')
          : this.#enter('Progressing', 'Step', 'somebody went on')
      case 'again':
        if (this.#facts.ready > 0) return this.#start('somebody had it begin again')
        this.#status = this.#fresh(this.#status.history)
        return this.#tell('Normal', 'Again', 'somebody had it begin again')
      case 'abort':
        this.#write(STABLE_ONLY)
        return this.#enter('Aborted', 'Aborted', 'somebody aborted it: all requests go to the stable version')
      case 'nothing':
    }
  }

  /** At the route, at the evidence, and at the clock. */
  look(): void {
    if (!ACTIVE.has(this.#status.phase)) return this.#finishWriting()
    const { route } = this.#facts
    if (typeof route === 'string') {
      this.#set({ reason: 'RouteNotReady', message: route })
      return
    }
    const { shape, before } = this.#status.route
    if (this.#shape === undefined && !sameShape(route.shape, shape)) this.#shape = shape
    else if (this.#shape === undefined && before !== null) this.#set({ route: { shape, before: null } })
    // A step that begins just now is judged by what comes.
    if (this.#shape !== undefined && this.#isNew) return
    const verdict = this.#judge()
    const query = this.#facts.queries.find(({ state }) => state === 'breach')
    const breach = verdict.breach ?? (query && { reason: 'Prometheus' as const, message: query.message })
    if (breach && this.#status.reason !== 'Breach') return this.#breach(breach.reason, breach.message)
    if (this.#status.phase === 'Progressing') this.#advance(verdict)
  }

  /** An end stands in the route once it was seen there: the write may have been refused, or its replica gone before it. */
  #finishWriting(): void {
    const { route } = this.#facts
    const { shape, before } = this.#status.route
    if (this.#status.phase === 'HandedOver' || this.#shape !== undefined) return
    if (before === null || typeof route === 'string') return
    if (!sameShape(route.shape, shape) && sameShape(route.shape, before)) this.#shape = shape
    else this.#set({ route: { shape, before: null } })
  }

  #judge(): Verdict {
    const { conditions } = this.#canary.spec
    // At the end nothing is left to compare with.
    const judged = this.#steps.filter((step) => step.kind !== 'pause' && !isWhole(step)).length
    const seen = this.#facts.now < this.#settled ? NOTHING_SEEN : this.#facts.seen
    const verdict = judge(this.#status.evidence, seen, conditions, judged)
    this.#set({ evidence: verdict.evidence })
    return verdict
  }

  get #isNew(): boolean {
    return this.#status.stepStartedAt === this.#time
  }

  /** When a step counts from. */
  get #settled(): number {
    const { warmupMs } = this.#canary.spec
    const pause = this.#status.step === 0 ? Math.max(SETTLE_MS, warmupMs) : SETTLE_MS
    return Date.parse(this.#status.stepStartedAt) + pause
  }

  #handOver({ shape }: OwnedRules): void {
    const { weight } = this.#status.route.shape
    const now = shape.weight === -1 ? 'other weights' : `weight ${shape.weight}`
    this.#enter(
      'HandedOver',
      'Edited',
      `somebody edited the route: it has ${now}, and this Canary wrote ${weight}. It is left alone; \`weft canary resume\` begins again`,
      'Warning',
    )
  }

  #breach(reason: string, message: string): void {
    const { weight } = this.#status
    if (this.#canary.spec.onBreach === 'Pause') {
      this.#set({ held: true })
      return this.#enter('Paused', 'Breach', `${reason}: ${message}; stopped at ${weight} %`, 'Warning')
    }
    this.#write(STABLE_ONLY)
    this.#enter('RolledBack', reason, `${message}; went back from ${weight} % to 0`, 'Warning')
  }

  #advance(verdict: Verdict): void {
    const step = this.#steps[this.#status.step]
    if (!step || step.kind === 'pause') return
    const left = Date.parse(this.#status.stepStartedAt) + step.holdMs - this.#facts.now
    const unknown = this.#facts.queries.find(({ state }) => state === 'unknown')
    const needed = step.kind === 'testers' || isWhole(step) ? 0 : verdict.evidence.needed
    if (unknown) this.#set({ reason: 'PrometheusUnknown', message: unknown.message })
    else if (needed > 0)
      this.#set({
        reason: 'NotEnoughRequests',
        message: `about ${needed} more requests of the new version are needed to say that it is sound`,
      })
    else if (left > 0)
      this.#set({ reason: 'Holding', message: `the step lasts ${Math.ceil(left / 1000)} s more` })
    else this.#toStep(this.#status.step + 1, 'sound')
  }

  #start(message: string): void {
    this.#status = { ...this.#fresh(this.#status.history), request: this.#facts.request }
    this.#tell('Normal', 'Started', message)
    this.#toStep(0, message)
  }

  /** Enters a step, or the end behind the last. */
  #toStep(index: number, why: string): void {
    const step = this.#steps[index]
    const { shape: last } = this.#status.route
    this.#set({
      step: Math.min(index, this.#steps.length),
      held: false,
      stepStartedAt: this.#time,
      evidence: NO_EVIDENCE,
    })
    if (!step) {
      this.#write({ weight: 100, mirrorPercent: 0, testers: false })
      return this.#enter('Succeeded', 'Promoted', `${why}: all requests go to the new version`)
    }
    const shape: RouteShape = {
      weight: step.kind === 'weight' ? step.weight : last.weight,
      mirrorPercent: step.kind === 'mirror' ? step.percent : 0,
      testers: step.kind === 'testers' || (last.testers && !isWhole(step)),
    }
    this.#write(shape)
    const place = `step ${index + 1} of ${this.#steps.length}`
    if (step.kind === 'pause')
      return this.#enter('Paused', 'PauseStep', `${place}: waits for \`weft canary promote\``)
    this.#enter('Progressing', 'Step', `${place}: ${describeStep(step)} (${why})`)
  }

  #write(shape: RouteShape): void {
    const { shape: before } = this.#status.route
    const now = typeof this.#facts.route === 'string' ? before : this.#facts.route.shape
    this.#shape = shape
    this.#set({ weight: shape.weight, route: { shape, before: now } })
  }

  #enter(phase: CanaryPhase, reason: string, message: string, type: CanaryEvent['type'] = 'Normal'): void {
    this.#set({ phase, reason, message })
    this.#tell(type, reason, message)
  }

  #tell(type: CanaryEvent['type'], reason: string, message: string): void {
    this.#events.push({ type, reason, message })
    const history = [...this.#status.history, { at: this.#time, message }].slice(-MOST_HISTORY)
    this.#set({ history })
  }

  #wait(reason: string, message: string): void {
    if (this.#status.reason !== reason) this.#events.push({ type: 'Normal', reason, message })
    this.#set({ reason, message, request: this.#facts.request })
  }

  #set(change: Partial<CanaryStatus>): void {
    this.#status = { ...this.#status, ...change }
  }

  get #time(): string {
    return new Date(this.#facts.now).toISOString()
  }

  #fresh(history: CanaryStatus['history'] = []): CanaryStatus {
    return {
      observedGeneration: 0,
      phase: 'Waiting',
      reason: '',
      message: '',
      step: 0,
      steps: this.#steps.length,
      weight: 0,
      revision: this.#facts.revision,
      subject: this.#subject,
      stepStartedAt: this.#time,
      request: this.#facts.request,
      held: false,
      route: { shape: STABLE_ONLY, before: null },
      evidence: NO_EVIDENCE,
      history,
    }
  }
}

function isWhole(step: CanaryStep): boolean {
  return step.kind === 'weight' && step.weight === 100
}

export function describeStep(step: CanaryStep): string {
  switch (step.kind) {
    case 'weight':
      return `${step.weight} % of requests`
    case 'mirror':
      return `copies of ${step.percent} % of requests`
    case 'testers':
      return `requests with ${step.testers.map(({ type, name, value }) => `${type} ${name}=${value}`).join(' or ')}`
    case 'pause':
      return 'until somebody goes on'
  }
}
