import type { ConnectionManager } from '../exchange/connection-manager.ts'
import type { RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { ForwardAction, Route } from '../model/route.ts'

/** A request that is let pass, and the route that it goes by. */
export interface Routed {
  readonly head: RequestHead
  readonly http2: boolean
  readonly hop: Hop
  readonly manager: ConnectionManager
  readonly route: Route
  readonly action: ForwardAction
}
