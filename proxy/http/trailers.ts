import { CLIENT_CERTIFICATE_HEADER } from '../../core/contract.ts'
import type { Fields } from './message.ts'
import { spellingOfTrailers, spellTrailers } from './spelling.ts'

/**
 * Fields that frame, route, authenticate or change a message, or belong to one connection: whoever merges trailers into
 * the head would take them for that (RFC 9110 section 6.5.1). `host` and `content-length` never come this far.
 */
const FORBIDDEN = new Set([
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'www-authenticate',
  CLIENT_CERTIFICATE_HEADER,
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
])

const PLAIN_NAME = /^[a-z0-9-]+$/

/** A lower-case name as CGI and its kin read it: whatever is neither letter nor digit is `-` (RFC 3875 section 4.1.18). */
export function foldedName(name: string): string {
  return PLAIN_NAME.test(name) ? name : name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

const NONE: ReadonlySet<string> = new Set()

/**
 * The trailers that are passed on: `trailers` itself where none is forbidden, undefined where none is left. `own`: folded
 * names of fields that nobody but a step may write.
 */
export function passedTrailers(
  trailers: Fields | undefined,
  own: ReadonlySet<string> = NONE,
): Fields | undefined {
  if (trailers === undefined) return undefined
  let kept: Fields | undefined
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string
    const folded = foldedName(name)
    if (FORBIDDEN.has(folded) || own.has(folded) || folded.startsWith('x-weft-'))
      kept ??= trailers.slice(0, i)
    else kept?.push(name, trailers[i + 1] as string)
  }
  if (kept === undefined) return trailers
  if (kept.length === 0) return undefined
  spellTrailers(kept, spellingOfTrailers(trailers))
  return kept
}
