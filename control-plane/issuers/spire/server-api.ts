import { X509Certificate } from 'node:crypto'
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js'
import { peerIdentity } from '../../../certs/peer.ts'
import { quote } from '../../../certs/printable.ts'
import type { HostPort } from '../../../core/flags.ts'
import { WeftError } from '../../../core/errors.ts'
import { decodeCa, encodeCaRequest, type DownstreamCa } from './messages.ts'

export interface DownstreamCaRequest {
  readonly server: HostPort
  readonly trustDomain: string
  /** Of the control plane's own SVID: the entry that it has must be a downstream one. PEM. */
  readonly own: { readonly certificate: string; readonly key: string; readonly roots: string }
  readonly csr: Uint8Array
}

const METHOD = '/spire.api.server.svid.v1.SVID/NewDownstreamX509CA'
const DEADLINE_MS = 10_000

/**
 * An intermediate CA from SPIRE's server, as a nested SPIRE server gets its own. The server proves itself by the SPIFFE ID that
 * every SPIRE server has. Throws WeftError `issuer.unavailable` with what to do.
 */
export async function newDownstreamCa({
  server,
  trustDomain,
  own,
  csr,
}: DownstreamCaRequest): Promise<DownstreamCa> {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host
  const target = `${host}:${server.port}`
  const serverId = `spiffe://${trustDomain}/spire/server`
  const client = new Client(
    target,
    credentials.createSsl(Buffer.from(own.roots), Buffer.from(own.key), Buffer.from(own.certificate), {
      checkServerIdentity(_host, { raw }) {
        const peer = peerIdentity(new X509Certificate(raw), { trustDomain, now: Date.now() })
        if (peer.ok && peer.spiffeId === serverId) return undefined
        return new Error(`it is ${peer.ok ? peer.spiffeId : peer.detail}, not ${serverId}`)
      },
    }),
    // An address may not stand in the handshake, and the server looks at no name.
    { 'grpc.ssl_target_name_override': 'spire-server' },
  )
  try {
    return await new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        METHOD,
        encodeCaRequest,
        decodeCa,
        { csr },
        { deadline: Date.now() + DEADLINE_MS },
        (error, answer) => (answer ? resolve(answer) : reject(refusal(error, target))),
      ),
    )
  } finally {
    client.close()
  }
}

function refusal(error: ServiceError | null, target: string): WeftError {
  const remedy =
    error?.code === status.PERMISSION_DENIED || error?.code === status.UNAUTHENTICATED
      ? 'make the entry of the control plane a downstream one (spire-server entry create -downstream)'
      : "see what SPIRE's server logs"
  const said = error ? `${status[error.code] ?? error.code}: ${quote(error.details, 300)}` : 'no answer'
  return new WeftError('issuer.unavailable', `SPIRE's server ${target} gives no CA: ${said}: ${remedy}`, {
    field: '--spire-server',
    cause: error,
  })
}
