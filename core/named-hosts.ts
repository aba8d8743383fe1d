import type { IncomingMessage } from 'node:http'

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i

/**
 * The hosts that a request names, with their ports: in its Host field and in a target that is a URI, which counts for more
 * (RFC 9112 sections 3.2 and 3.2.2). Whoever decides by them wants all of them to be right. None where it is not to be
 * answered: without a Host, or with more than one.
 */
export function namedHosts({
  url = '',
  rawHeaders,
}: Pick<IncomingMessage, 'url' | 'rawHeaders'>): readonly string[] {
  const fields = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'host')
  if (fields.length !== 1) return []
  const [, authority] = ABSOLUTE.exec(url) ?? []
  return authority === undefined ? fields : [authority, ...fields]
}
