import { ALPN_LINK } from '../../core/contract.ts'
import type { ClientConnection, ClientHandler } from '../http/stream.ts'
import { connectHttp1 } from '../http1/client.ts'
import { connectHttp2 } from '../http2/client.ts'
import {
  LINK_KEEP_ALIVE,
  LINK_SLACK_BYTES,
  LINK_SLACK_FIELDS,
  MAX_HEADER_BYTES,
  MAX_HEADER_FIELDS,
} from '../http2/options.ts'
import { refuseTruncation } from '../transport/refuse-truncation.ts'
import { createTransport } from '../transport/socket-transport.ts'
import type { Connected } from './connector.ts'

const LINK_OPTIONS = {
  keepAlive: LINK_KEEP_ALIVE,
  maxHeaderBytes: MAX_HEADER_BYTES + LINK_SLACK_BYTES,
  maxHeaderFields: MAX_HEADER_FIELDS + LINK_SLACK_FIELDS,
}

/** Speaks HTTP on a connection that was made. `idleTimeoutMs`: an unused connection closes after it. */
export type CreateClientCodec = (
  connected: Connected,
  handler: ClientHandler,
  protocol: ClientConnection['protocol'],
  idleTimeoutMs: number,
  /** What the server said on an earlier connection of how many streams it takes. */
  streamsTold?: number,
) => ClientConnection

export const createClientCodec: CreateClientCodec = (
  connected,
  handler,
  protocol,
  idleTimeoutMs,
  streamsTold,
) => {
  if (protocol === 'h2')
    return connectHttp2(createTransport(connected.socket), handler, {
      idleTimeoutMs,
      assumedStreams: streamsTold,
      ...(connected.alpn === ALPN_LINK ? LINK_OPTIONS : {}),
      // What a sidecar says, and nobody who only speaks as one.
      spelling: connected.alpn === ALPN_LINK && connected.identity !== '',
    })
  // The end of the connection may be the end of an answer.
  refuseTruncation(connected.socket)
  return connectHttp1(createTransport(connected.socket), handler, { idleTimeoutMs })
}
