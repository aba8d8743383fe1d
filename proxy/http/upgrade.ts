/**
 * Whether what is spoken after such an upgrade is HTTP again, `h2c` and its kin, or TLS around it (RFC 2817): its requests
 * would be those of a tunnel, which nobody decides on. In lower case.
 */
export function hidesRequests(protocol: string): boolean {
  return protocol === 'h2c' || protocol === 'h2' || /^(?:tls|http)(?:\/|$)/.test(protocol)
}
