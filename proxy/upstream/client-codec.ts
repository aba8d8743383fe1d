import { ALPN_LINK } from '../../core/contract.ts'
import type { ClientConnection, ClientHandler } from '../http/stream.ts'
import { connectHttp1 } from '../http1/client.ts'
import { connectHttp2 } from '../http2/client.ts'
import { linkKeepAlive, linkLimits } from '../http2/options.ts'
import type { Cluster } from '../model/cluster.ts'
import { refuseTruncation } from '../transport/refuse-truncation.ts'
import { createTransport } from '../transport/socket-transport.ts'
import type { Connected } from './connector.ts'

/** What the cluster says of its connections, and the pool of this one. */
export interface ClientCodecOptions extends Pick<Cluster, 'headLimits' | 'keepAlive' | 'tcpKeepAlive'> {
  /** An unused connection closes after it. */
  readonly idleTimeoutMs: number
  /** What the server said on an earlier connection of how many streams it takes. */
  readonly streamsTold?: number | undefined
  /** What a server of the mesh is told that our workload is called (core/peer-workload.ts); '': nothing. */
  readonly peer: string
}

/** Speaks HTTP on a connection that was made. */
export type CreateClientCodec = (
  connected: Connected,
  handler: ClientHandler,
  protocol: ClientConnection['protocol'],
  options: ClientCodecOptions,
) => ClientConnection

export const createClientCodec: CreateClientCodec = (
  connected,
  handler,
  protocol,
  { idleTimeoutMs, headLimits, keepAlive, tcpKeepAlive, streamsTold, peer },
) => {
  const { socket, alpn } = connected
  if (protocol === 'h2') {
    const link = alpn === ALPN_LINK
    // What a sidecar says, and is told, and nobody who only speaks as one.
    const sidecar = link && connected.identity !== ''
    return connectHttp2(createTransport(socket, tcpKeepAlive), handler, {
      idleTimeoutMs,
      assumedStreams: streamsTold,
      headLimits: link ? linkLimits(headLimits) : headLimits,
      keepAlive: link ? linkKeepAlive(keepAlive) : keepAlive,
      spelling: sidecar,
      peer: sidecar ? peer : '',
    })
  }
  // The end of the connection may be the end of an answer.
  refuseTruncation(socket)
  return connectHttp1(createTransport(socket, tcpKeepAlive), handler, { idleTimeoutMs, headLimits })
}
