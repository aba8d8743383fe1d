const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
// RFC 9110 section 5.5: what ends a line or a message, and what no field may hold.
// oxlint-disable-next-line no-control-regex
const UNSENDABLE = /[\x00-\x08\x0a-\x1f\x7f]/
/** What describes a connection or its framing (RFC 9110 section 7.6.1): each hop writes its own. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** `add` leaves what is there, `set` replaces it. */
export type MutationKind = 'add' | 'set' | 'remove'

/**
 * Why configuration may not change the field `name` (lower-case) in this way, or undefined. Of what is no field of its
 * own, the authority of a request can be set, as `host` or `:authority`.
 */
export function mutationProblem(
  name: string,
  message: 'request' | 'response',
  kind: MutationKind,
): string | undefined {
  if (message === 'request' && (name === 'host' || name === ':authority'))
    return kind === 'set'
      ? undefined
      : `${name} can be overwritten, and not ${kind === 'add' ? 'appended to' : 'removed'}`
  if (name.startsWith(':')) return `${name} is no field: it cannot be changed as one`
  if (!NAME.test(name)) return `"${name}" is no name of a field`
  if (OF_THE_CONNECTION.has(name)) return `${name} is written for each connection: it cannot be changed`
  return undefined
}

/** Why a text cannot be sent in a head, or undefined. */
export function headTextProblem(text: string): string | undefined {
  return UNSENDABLE.test(text) ? 'holds a line break or another control character' : undefined
}
