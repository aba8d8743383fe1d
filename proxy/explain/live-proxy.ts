import type { ConnectionManager } from '../exchange/connection-manager.ts'
import type { ExchangeDependencies } from '../exchange/dependencies.ts'
import type { OwnPorts } from '../listener/forbidden-destination.ts'
import type { Configuration } from '../model/configuration.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'
import type { ConnectionStep } from '../steps/step.ts'

/** A proxy that serves, as far as an explanation looks at it: what is asked here is what requests are decided by. */
export interface LiveProxy {
  readonly configuration: Configuration
  readonly exchange: Pick<
    ExchangeDependencies,
    'clusters' | 'clock' | 'configVersion' | 'configWaitMs' | 'overloaded'
  >
  /** Of rehearsed picks, at least 0, less than 1; none of the draws of requests. */
  readonly random: () => number
  /** This workload's SPIFFE ID, or ''. */
  readonly localIdentity: () => string
  readonly ownAddresses: ReadonlySet<string>
  readonly ownPorts: () => OwnPorts
  readonly connections: (direction: 'outbound' | 'inbound') => LiveConnections
}

/** What connections of one direction are served by. */
export interface LiveConnections {
  readonly managerOf: (
    listener: Listener,
    chain: FilterChain,
    settings: HttpConnectionManager,
  ) => ConnectionManager
  readonly stepsOf: (listener: Listener, chain: FilterChain) => readonly ConnectionStep[]
}
