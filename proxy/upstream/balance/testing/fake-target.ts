import type { ManualClock } from '../../../../core/clock.ts'
import type { BalancingPolicy } from '../../../model/balancing.ts'
import type { Endpoint } from '../../../model/cluster.ts'
import { endpointAt } from '../../../testing/static-configuration.ts'
import type { Standing } from '../../health/signal.ts'
import type { TryOutcome } from '../../health/try-outcome.ts'
import { EndpointLoad, type Waiting } from '../load.ts'
import type { Target } from '../target.ts'

/** An endpoint without connections: a test, or a replay, says what becomes of its requests. */
export class FakeTarget implements Target {
  endpoint: Endpoint
  readonly load = new EndpointLoad()
  readonly health: { standing: Standing; certain: Standing } = { standing: 'use', certain: 'use' }
  inUseSince = -Infinity
  readonly #clock: ManualClock

  constructor(port: number, policy: BalancingPolicy, clock: ManualClock, change: Partial<Endpoint> = {}) {
    this.endpoint = endpointAt(port, change)
    this.#clock = clock
    this.load.configure(policy)
  }

  get address(): string {
    return `${this.endpoint.address}:${this.endpoint.port}`
  }

  /** A request that waits. */
  begin(): Waiting {
    const request = { startedAt: this.#clock.now(), older: undefined, newer: undefined, counted: false }
    this.load.begin(request)
    return request
  }

  /** Its answer, or its failure, now. */
  end(request: Waiting, status = 200, outcome: TryOutcome = 'answered', retryAfterMs = 0): void {
    const now = this.#clock.now()
    this.load.observe(request, outcome, status, now - request.startedAt, retryAfterMs, now)
    this.load.end(request)
  }
}
