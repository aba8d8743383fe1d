import { createSecureContext } from 'node:tls'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { readTextFile } from '../../certs/private-file.ts'
import { parseTrustBundle } from '../../certs/trust-bundle.ts'
import { WeftError } from '../../core/errors.ts'
import { OwnSockets } from './own-sockets.ts'

/** How a workload reaches the control plane and proves who it is. */
export interface ControlPlaneEndpoint {
  /** `host:port` */
  readonly address: string
  /** DNS name in its certificate. */
  readonly serverName: string
  /** Roots that its certificate must lead to; read anew for every connection. */
  readonly caBundlePath: string
  /** The service account token; Kubernetes replaces the file, so that it is read anew for every call. */
  readonly tokenPath: string
}

export interface ControlPlaneClient {
  readonly client: Client
  /** With the token of this moment. */
  readonly metadata: Metadata
}

/**
 * Opens a connection of its own to the control plane; the caller closes it. Throws WeftError `identity.token`,
 * `bundle.*`, `file.*`.
 */
export async function openControlPlane(
  endpoint: ControlPlaneEndpoint,
  options: Readonly<Record<string, number>> = {},
): Promise<ControlPlaneClient> {
  const token = readToken(endpoint.tokenPath)
  const ca = readBundle(endpoint.caBundlePath)
  const sockets = new OwnSockets()
  const secure = sockets.watch(
    credentials.createFromSecureContext(createSecureContext({ ca, minVersion: 'TLSv1.3' })),
  )
  const client = new Client(endpoint.address, secure, {
    'grpc.ssl_target_name_override': endpoint.serverName,
    'grpc.default_authority': endpoint.serverName,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    // No TXT query for each connection, and nothing that DNS could say of how to connect.
    'grpc.service_config_disable_resolution': 1,
    ...options,
  })
  sockets.closeWith(client)
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  return { client, metadata }
}

/** Throws WeftError `identity.token` naming the file. */
export function readToken(path: string): string {
  const token = readTextFile(path, 64 * 1024)?.trim()
  if (!token) throw new WeftError('identity.token', `the service account token ${path} is not there or empty`)
  // grpc-js quotes a value that no header may have in its error, and that would be logged.
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new WeftError('identity.token', `the service account token ${path} holds what no token may`)
  return token
}

function readBundle(path: string): string {
  const text = readTextFile(path)
  if (text === undefined) throw new WeftError('file.read', `the trust bundle ${path} is not there`)
  return parseTrustBundle(text, path).pem
}
