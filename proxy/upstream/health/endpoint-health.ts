import type { Clock } from '../../../core/clock.ts'
import type { Cluster, Endpoint } from '../../model/cluster.ts'
import type { UpstreamTls } from '../../model/tls.ts'
import type { CreateSignal, HealthSignal, Standing, TryOutcome } from './signal.ts'

type Observer = HealthSignal & Required<Pick<HealthSignal, 'observe'>>

const SEVERITY: Readonly<Record<Standing, number>> = { use: 0, 'last-resort': 1, avoid: 2 }

/** What is known about one endpoint's health, from all its signals; outlives changes of the configuration. */
export class EndpointHealth {
  readonly #signals: readonly HealthSignal[]
  readonly #observers: readonly Observer[]
  readonly #clock: Clock
  readonly #changed: () => void
  #standing: Standing = 'use'
  #certain: Standing = 'use'

  /** `changed` is called when the standing has changed. */
  constructor(signals: readonly CreateSignal[], clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
    const context = { clock, changed: () => this.#update() }
    this.#signals = signals.map((create) => create(context))
    this.#observers = this.#signals.filter((signal): signal is Observer => signal.observe !== undefined)
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

  /** After every try; see HealthSignal.observe. */
  observe(outcome: TryOutcome, status: number, durationMs: number): void {
    const observers = this.#observers
    if (observers.length === 0) return
    const nowMs = this.#clock.now()
    for (let i = 0; i < observers.length; i++)
      (observers[i] as Observer).observe(outcome, status, durationMs, nowMs)
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
