import { ALPN_LINK, CLIENT_CERTIFICATE_HEADER, PROTOCOL_HEADER, UPGRADE_HEADER } from '../../core/contract.ts'
import { randomUuid } from '../../core/random-hex.ts'
import { field, removeField, type Fields, type RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { HttpConnectionManager } from '../model/listener.ts'

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
  if (manager.traffic && field(fields, 'x-request-id') === undefined)
    fields.push('x-request-id', randomUuid())
}

/**
 * Whether an application behind CGI (RFC 3875 section 4.1.18) or one of its heirs reads a field as the one of this
 * name, which is lower-case: letters count without their case, and whatever is neither letter nor digit is one `_`.
 */
export function readsAs(field: string, name: string): boolean {
  if (field.length !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    const a = field.charCodeAt(i)
    const b = name.charCodeAt(i)
    if (a === b || (b >= 0x61 && b <= 0x7a && a === b - 0x20)) continue
    if (b !== 0x2d || isAlphanumeric(a)) return false
  }
  return true
}

/** Removes what only an application reads as this field, and no proxy on the way: nobody vouches for it. */
function removeLookalikes(fields: Fields, name: string): void {
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    const field = fields[i] as string
    if (field.length === name.length && field.toLowerCase() !== name && readsAs(field, name)) continue
    fields[kept] = field
    fields[kept + 1] = fields[i + 1] as string
    kept += 2
  }
  fields.length = kept
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
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
