import { adaptiveConcurrency } from './http/adaptive-concurrency.ts'
import { bodyLimit } from './http/body-limit.ts'
import { cors } from './http/cors.ts'
import { fault } from './http/fault.ts'
import { jwtAuthn } from './http/jwt-authn.ts'
import { localRateLimit } from './http/local-rate-limit.ts'
import { httpRbac } from './http/rbac.ts'
import { statefulSession } from './http/stateful-session.ts'
import { connectionLimit } from './network/connection-limit.ts'
import { networkRbac } from './network/rbac.ts'
import type { AnyStepKind, ConnectionStep, RequestStep } from './step.ts'

/** What may stand in `http_filters` before the router: one file each. */
export const REQUEST_STEPS = [
  adaptiveConcurrency,
  bodyLimit,
  cors,
  fault,
  jwtAuthn,
  localRateLimit,
  httpRbac,
  statefulSession,
] as readonly AnyStepKind<RequestStep>[]

/** What may stand in a filter chain's `filters` before http_connection_manager or tcp_proxy. */
export const CONNECTION_STEPS = [connectionLimit, networkRbac] as readonly AnyStepKind<ConnectionStep>[]
