import { monotonicClock, type Clock } from '../../core/clock.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type { Locality } from '../model/balancing.ts'
import type { Configuration } from '../model/configuration.ts'
import { createClientCodec, type CreateClientCodec } from './client-codec.ts'
import type { Connector } from './connector.ts'
import { systemLookup, type Lookup } from './dns-endpoints.ts'
import type { OutlierEvents } from './health/outlier-set.ts'
import type { CreateSignal } from './health/signal.ts'
import { SIGNALS } from './health/signals.ts'

/** What clusters and their endpoints stand on. */
export interface UpstreamDependencies {
  readonly configuration: Configuration
  readonly connector: Connector
  /** Addresses of this very pod: what goes there meets the application, not our own inbound port. */
  readonly ownAddresses: ReadonlySet<string>
  /** Of its ports those whose application wants the PROXY protocol, from whoever connects to it. */
  readonly ownProxyProtocol: ReadonlyMap<number, ProxyProtocolVersion>
  readonly clock: Clock
  /** Where this proxy is; undefined: not known. */
  readonly locality: Locality | undefined
  /** What servers of the mesh are told that our workload is called (core/peer-workload.ts); '': nothing. */
  readonly peer: string
  /** At least 0, less than 1. */
  readonly random: () => number
  readonly lookup: Lookup
  readonly createClientCodec: CreateClientCodec
  /** What speaks for or against an endpoint. */
  readonly signals: readonly CreateSignal[]
  /** What is told of ejections, and of which cluster. */
  readonly outlierEvents?: (cluster: string) => OutlierEvents
}

/** What is left out is as in production. */
export type UpstreamOptions = Pick<UpstreamDependencies, 'configuration' | 'connector'> &
  Partial<UpstreamDependencies>

export function upstreamDependencies(options: UpstreamOptions): UpstreamDependencies {
  return {
    ownAddresses: new Set(),
    ownProxyProtocol: new Map(),
    clock: monotonicClock,
    locality: undefined,
    peer: '',
    random: Math.random,
    lookup: systemLookup,
    createClientCodec,
    signals: SIGNALS,
    ...options,
  }
}
