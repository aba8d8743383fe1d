import { fault } from './http/fault.ts'
import { localRateLimit } from './http/local-rate-limit.ts'
import { connectionLimit } from './network/connection-limit.ts'
import type { ConnectionStep, RequestStep, StepKind } from './step.ts'

/** What may stand in `http_filters` before the router: one file each. */
export const REQUEST_STEPS: readonly StepKind<never, RequestStep>[] = [fault, localRateLimit]

/** What may stand in a filter chain's `filters` before http_connection_manager or tcp_proxy. */
export const CONNECTION_STEPS: readonly StepKind<never, ConnectionStep>[] = [connectionLimit]
