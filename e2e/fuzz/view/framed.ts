/** A request as somebody framed it. Texts are latin1: one char a byte. */
export interface FramedRequest {
  readonly method: string
  /** Origin-form, or `*`, or the authority of a CONNECT. */
  readonly target: string
  readonly body: string
}

export interface FramedResponse {
  readonly status: number
  readonly body: string
}

/** Ends every stream: whoever frames what stands before it alike sees it, answers it and closes. */
export const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: sentinel\r\nConnection: close\r\n\r\n'
const SENTINEL_TARGET = '/sentinel'

/** Absolute-form (RFC 9112 section 3.2.2) as the origin-form that it means. */
export function originForm(method: string, target: string): string {
  const absolute = /^https?:\/\/[^/?]*/i.exec(target)
  if (absolute === null || method === 'CONNECT') return target
  const rest = target.slice(absolute[0].length)
  if (rest === '') return method === 'OPTIONS' ? '*' : '/'
  return rest.startsWith('?') ? `/${rest}` : rest
}

/**
 * What a peer framed otherwise than Weft, or undefined. A peer may have refused earlier (`theirs` is shorter and
 * it closed by itself); where Weft closed earlier, it may only have gone on to the sentinel.
 */
export function requestDifference(
  ours: readonly FramedRequest[],
  theirs: readonly FramedRequest[],
  hung: boolean,
): string | undefined {
  for (let i = 0; i < Math.min(ours.length, theirs.length); i++) {
    const a = ours[i] as FramedRequest
    const b = theirs[i] as FramedRequest
    if (a.method !== b.method) return `request ${i}: method ${quote(a.method)} and ${quote(b.method)}`
    if (a.target !== b.target && !bothOptionsOfAll(a, b))
      return `request ${i}: target ${quote(a.target)} and ${quote(b.target)}`
    if (a.body !== b.body) return `request ${i}: body ${quote(a.body)} and ${quote(b.body)}`
  }
  for (const extra of theirs.slice(ours.length)) {
    if (extra.target !== SENTINEL_TARGET || extra.body !== '')
      return `one request more: ${quote(`${extra.method} ${extra.target}`)}`
  }
  if (hung) return `waits for more after ${theirs.length} of ${ours.length} requests`
  return undefined
}

/**
 * Likewise for a stream of which Weft took a part only: what it refuses others may take, but they must agree on
 * what it took. `waits`: Weft took one more head and waits for its body, which nobody may think whole.
 */
export function partialDifference(
  ours: readonly FramedRequest[],
  theirs: readonly FramedRequest[],
  waits: boolean,
): string | undefined {
  const more = theirs[ours.length]
  if (waits && more !== undefined) return `request ${ours.length} is whole: ${quote(JSON.stringify(more))}`
  return requestDifference(ours, theirs.slice(0, ours.length), false)
}

/** RFC 9112 section 3.2.4 makes `*` of an absolute-form without path; nginx sends `/` on. */
function bothOptionsOfAll(a: FramedRequest, b: FramedRequest): boolean {
  return a.method === 'OPTIONS' && a.target === '*' && b.target === '/'
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text)
}
