import { field, fieldValues, removeField, setField, type Fields, type RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { ForwardedRules } from '../model/listener.ts'
import { parseDestination, withoutZone } from '../transport/original-destination.ts'
import { removeLookalikes } from './reads-as.ts'

const FOR = 'x-forwarded-for'
const PROTO = 'x-forwarded-proto'
/**
 * What applications and their frameworks read where a request came from: RFC 7239, what came before it, and what nginx,
 * Envoy and Apache's mod_remoteip write.
 */
const SAID_OF_THE_CALLER = [
  FOR,
  PROTO,
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto-version',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-real-ip',
  'x-client-ip',
  'x-envoy-external-address',
  'true-client-ip',
]

/**
 * Writes who calls and how into a request, as Envoy does with `use_remote_address`: x-forwarded-for ends in the address
 * that the connection came from, of a mesh the calling pod's, without a port and without brackets; x-forwarded-proto is
 * `https` where the caller itself spoke TLS.
 */
export function writeForwarded(rules: ForwardedRules, hop: Hop, head: RequestHead): void {
  const { fields } = head
  const { appends, sanitizes, says, trustedHops } = rules
  const before = elements(fields)
  const proto = field(fields, PROTO)
  for (const name of sanitizes ? SAID_OF_THE_CALLER : [FOR, PROTO]) {
    removeLookalikes(fields, name)
    if (sanitizes) removeField(fields, name)
  }
  // The last ones were written by those that are trusted; whatever stands before is the caller's word.
  const kept = sanitizes ? before.slice(Math.max(0, before.length - trustedHops)) : before
  const addresses = says && appends ? [...kept, withoutZone(parseDestination(hop.downstream).host)] : kept
  if (addresses.length > 0) setField(fields, FOR, addresses.join(', '))
  const trusted = trustedHops > 0 && (proto === 'http' || proto === 'https')
  if (says) setField(fields, PROTO, trusted ? proto : schemeOf(hop, head))
  else if (trusted) setField(fields, PROTO, proto)
}

/** Of all fields of the name, in order (RFC 9110 section 5.3). */
function elements(fields: Fields): string[] {
  return fieldValues(fields, FOR)
    .flatMap((value) => value.split(','))
    .map((element) => element.trim())
    .filter((element) => element !== '')
}

/** What the caller's application spoke: a sidecar passes it on, and of anybody else the connection tells. */
function schemeOf({ link, sourceIdentity, tls }: Hop, { scheme }: RequestHead): string {
  if (link && sourceIdentity !== '') return scheme
  return tls ? 'https' : 'http'
}
