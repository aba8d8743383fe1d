import type { Fields } from '../http/message.ts'

/**
 * The request logs in its connection, or goes on doing so: NTLM, and Negotiate (RFC 4559), which may be NTLM inside.
 * Other schemes speak for one request each (RFC 9110 section 11.7.1 leaves no other).
 */
export function logsInConnection(fields: Fields): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    if (name !== 'authorization' && name !== 'proxy-authorization') continue
    if (/^\s*(?:ntlm|negotiate|kerberos)(?:\s|$)/i.test(fields[i + 1] as string)) return true
  }
  return false
}
