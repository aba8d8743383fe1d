import type { Endpoint } from '../../model/cluster.ts'
import type { Standing } from '../health/signal.ts'
import type { EndpointLoad } from './load.ts'

/** An endpoint as far as a picker looks at it. */
export interface Target {
  readonly endpoint: Endpoint
  /** `address:port`: what a consistent hash takes it for. */
  readonly address: string
  readonly load: EndpointLoad
  readonly health: {
    readonly standing: Standing
    /** Without the signals that may be wrong (HealthSignal.fallible). */
    readonly certain: Standing
  }
  /** When it came into use, on the clock: for slow start; -Infinity: it was there before us. */
  readonly inUseSince: number
}

/** What is to be sent: one of many requests, or an opaque connection, which stays for long. */
export type Purpose = 'request' | 'connection'

/** What runs on an endpoint now, of that kind. */
export function runningOn(target: Target, purpose: Purpose, nowMs: number): number {
  return purpose === 'request' ? target.load.waiting(nowMs) : target.load.connections
}
