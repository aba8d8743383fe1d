import type { Cluster, Endpoint } from '../../model/cluster.ts'
import type { UpstreamTls } from '../../model/tls.ts'
import type { CreateSignal, Ejection, HealthSignal, SignalContext, Standing } from './signal.ts'
import type { TryOutcome } from './try-outcome.ts'

type Observer = HealthSignal & Required<Pick<HealthSignal, 'observe'>>
type Judge = HealthSignal & Required<Pick<HealthSignal, 'ended'>>

const SEVERITY: Readonly<Record<Standing, number>> = { use: 0, 'last-resort': 1, avoid: 2 }

/** What is known about one endpoint's health, from all its signals; outlives changes of the configuration. */
export class EndpointHealth {
  readonly #signals: readonly HealthSignal[]
  readonly #observers: readonly Observer[]
  readonly #judges: readonly Judge[]
  readonly #changed: () => void
  #standing: Standing = 'use'
  #certain: Standing = 'use'

  /** `changed` is called when the standing has changed. */
  constructor(
    signals: readonly CreateSignal[],
    endpoint: Omit<SignalContext, 'changed' | 'usable'>,
    changed: () => void,
  ) {
    this.#changed = changed
    const context: SignalContext = {
      ...endpoint,
      changed: () => this.#update(),
      usable: (but) => this.#signals.every((signal) => signal === but || signal.standing === 'use'),
    }
    this.#signals = signals.map((create) => create(context))
    this.#observers = this.#signals.filter((signal): signal is Observer => signal.observe !== undefined)
    this.#judges = this.#signals.filter((signal): signal is Judge => signal.ended !== undefined)
  }

  /** The worst of all signals. */
  get standing(): Standing {
    return this.#standing
  }

  /** The worst of those that are not fallible. */
  get certain(): Standing {
    return this.#certain
  }

  /** Names of the signals that speak against the endpoint. */
  get objections(): readonly string[] {
    return this.#signals.filter(({ standing }) => standing !== 'use').map(({ name }) => name)
  }

  /** What signals have to say, by their names. */
  get said(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#signals.flatMap(({ name, said }) => (said ? [[name, said]] : [])))
  }

  /** Undefined: no signal has ejected the endpoint. */
  get ejection(): Ejection | undefined {
    return this.#signals.find(({ ejection }) => ejection !== undefined)?.ejection
  }

  /** After every try; see HealthSignal.observe. */
  observe(outcome: TryOutcome, status: number, durationMs: number, nowMs: number): void {
    const observers = this.#observers
    for (let i = 0; i < observers.length; i++)
      (observers[i] as Observer).observe(outcome, status, durationMs, nowMs)
  }

  /** Once for each try; see HealthSignal.ended. */
  ended(outcome: TryOutcome, status: number, grpcStatus: number, durationMs: number, nowMs: number): void {
    const judges = this.#judges
    for (let i = 0; i < judges.length; i++)
      (judges[i] as Judge).ended(outcome, status, grpcStatus, durationMs, nowMs)
  }

  /** One signal alone speaks against the endpoint, and wants a request that decides. */
  get wantsTrial(): boolean {
    const against = this.#signals.filter(({ standing }) => standing !== 'use')
    return against.length === 1 && (against[0]?.wantsTrial ?? false)
  }

  /** That request begins. */
  tryOut(): void {
    for (const signal of this.#signals) if (signal.wantsTrial) signal.tryOut?.()
  }

  /** See HealthSignal.signOfLife. */
  signOfLife(came: boolean): void {
    for (const signal of this.#signals) signal.signOfLife?.(came)
  }

  configured(endpoint: Endpoint, cluster: Cluster, tls: UpstreamTls | undefined): void {
    for (const signal of this.#signals) signal.configured?.(endpoint, cluster, tls)
  }

  removed(): void {
    for (const signal of this.#signals) signal.removed?.()
  }

  #update(): void {
    let worst: Standing = 'use'
    let certain: Standing = 'use'
    for (const { standing, fallible } of this.#signals) {
      if (SEVERITY[standing] > SEVERITY[worst]) worst = standing
      if (!fallible && SEVERITY[standing] > SEVERITY[certain]) certain = standing
    }
    if (worst === this.#standing && certain === this.#certain) return
    this.#standing = worst
    this.#certain = certain
    this.#changed()
  }
}
