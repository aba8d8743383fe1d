import type { Watchable } from '../../core/watched.ts'
import type { HttpConnectionManager } from '../model/listener.ts'
import type { RouteConfiguration } from '../model/route.ts'
import type { RequestSteps } from '../steps/request-steps.ts'

/** What serves the requests of one connection, as that is now. */
export interface ManagerSource {
  readonly value: ConnectionManager
}

/** The running side of an HttpConnectionManager: what the exchanges of every connection that it serves share. */
export interface ConnectionManager {
  readonly settings: HttpConnectionManager
  readonly routes: Watchable<RouteConfiguration | null | undefined>
  readonly steps: RequestSteps
}
