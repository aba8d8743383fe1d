import { ALPN_LINK, CLIENT_CERTIFICATE_HEADER, PROTOCOL_HEADER, UPGRADE_HEADER } from '../../core/contract.ts'
import { randomUuid } from '../../core/random-hex.ts'
import { field, removeField, type RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { HttpConnectionManager } from '../model/listener.ts'
import { writeForwarded } from './forwarded.ts'
import { removeLookalikes } from './reads-as.ts'

/** Says to a sidecar of ours whether the request began as HTTP/2: on the link everything is. */
export function markProtocol({ fields, method, upgrade }: RequestHead, alpn: string, http2: boolean): void {
  removeField(fields, PROTOCOL_HEADER)
  if (upgrade !== '') {
    removeField(fields, UPGRADE_HEADER)
    if (alpn === ALPN_LINK) fields.push(UPGRADE_HEADER, method)
  }
  if (alpn === ALPN_LINK && http2) fields.push(PROTOCOL_HEADER, '2')
}

/** What a proxy adds to a request, and what it takes away because a caller must not be able to claim it. */
export function prepareRequest(hop: Hop, manager: HttpConnectionManager, head: RequestHead): void {
  const fields = head.fields
  removeField(fields, PROTOCOL_HEADER)
  removeLookalikes(fields, CLIENT_CERTIFICATE_HEADER)
  switch (manager.forwardClientCert) {
    case 'sanitize':
      removeField(fields, CLIENT_CERTIFICATE_HEADER)
      break
    case 'sanitize_set':
      removeField(fields, CLIENT_CERTIFICATE_HEADER)
      if (hop.sourceIdentity !== '') fields.push(CLIENT_CERTIFICATE_HEADER, clientCertificate(hop))
      break
    case 'append_forward':
      if (hop.sourceIdentity !== '') fields.push(CLIENT_CERTIFICATE_HEADER, clientCertificate(hop))
      break
    case 'forward_only':
      // Whoever has not proved an identity has none to forward.
      if (hop.sourceIdentity === '') removeField(fields, CLIENT_CERTIFICATE_HEADER)
      break
    case 'always_forward_only':
      break
  }
  if (manager.forwarded) writeForwarded(manager.forwarded, hop, head)
}

/** Envoy's x-request-id, by which logs of all hops are told to be of one request: made where none came, kept otherwise. */
export function giveRequestId({ fields }: RequestHead): void {
  if (field(fields, 'x-request-id') === undefined) fields.push('x-request-id', randomUuid())
}

/**
 * Envoy's x-forwarded-client-cert element. SPIFFE IDs hold no character that needs quoting
 * (SPIFFE-ID section 2), so nothing from a certificate can break the line.
 */
function clientCertificate(hop: Hop): string {
  return hop.localIdentity === ''
    ? `URI=${hop.sourceIdentity}`
    : `By=${hop.localIdentity};URI=${hop.sourceIdentity}`
}
