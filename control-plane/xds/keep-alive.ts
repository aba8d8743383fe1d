import type { Cluster, Http2ProtocolOptions } from '../../core/xds/generated/envoy.js'
import { PING_DEFAULTS, type WorkloadLimits } from '../model/workload-limits.ts'

// Said only where somebody asked for it: a sidecar has the same defaults.

/** envoy.config.core.v3.KeepaliveSettings of a link, as a pod that is one end of it says. */
export function pings(limits: WorkloadLimits): Pick<Http2ProtocolOptions, 'connectionKeepalive'> {
  const { pingIntervalMs, pingTimeoutMs } = limits
  if (pingIntervalMs === undefined && pingTimeoutMs === undefined) return {}
  return {
    connectionKeepalive: {
      interval: pingIntervalMs ?? PING_DEFAULTS.pingIntervalMs,
      timeout: pingTimeoutMs ?? PING_DEFAULTS.pingTimeoutMs,
    },
  }
}

/** envoy.config.core.v3.TcpKeepalive of the connections that are made to a cluster. */
export function tcpKeepAlive(limits: WorkloadLimits): Pick<Cluster, 'upstreamConnectionOptions'> {
  const { tcpKeepAliveMs, tcpKeepAliveIntervalMs, tcpKeepAliveProbes } = limits
  const said = {
    ...(tcpKeepAliveMs === undefined ? {} : { keepaliveTime: tcpKeepAliveMs / 1000 }),
    ...(tcpKeepAliveIntervalMs === undefined ? {} : { keepaliveInterval: tcpKeepAliveIntervalMs / 1000 }),
    ...(tcpKeepAliveProbes === undefined ? {} : { keepaliveProbes: tcpKeepAliveProbes }),
  }
  return Object.keys(said).length > 0 ? { upstreamConnectionOptions: { tcpKeepalive: said } } : {}
}
