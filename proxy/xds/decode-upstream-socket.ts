import { unpacked } from '../../core/xds/any.ts'
import { ProxyProtocolUpstreamTransport, type TransportSocket } from '../../core/xds/generated/envoy.js'
import type { UpstreamSocket } from '../model/cluster.ts'
import { decodeUpstreamTls, type ReadFile } from './decode-tls.ts'
import type { Scope } from './scope.ts'

/** transport_socket of a cluster: TLS or plaintext, behind the PROXY protocol or not. */
export function decodeUpstreamSocket(
  socket: TransportSocket | undefined,
  scope: Scope,
  readFile: ReadFile,
): UpstreamSocket {
  const transportSocket = socket?.name
  const wrapping = unpacked(socket?.typedConfig, ProxyProtocolUpstreamTransport)
  if (!wrapping) return { transportSocket, tls: decodeUpstreamTls(socket, scope, readFile) }
  const wrapped = wrapping.transportSocket
  return {
    transportSocket,
    wrappedSocket: wrapped?.name,
    tls: decodeUpstreamTls(wrapped, scope.at('typed_config').at('transport_socket'), readFile),
    proxyProtocol: wrapping.config?.version === 'V2' ? 'v2' : 'v1',
  }
}
