import { WeftError } from '../errors.ts'
import { scannedPath } from './scanned-path.ts'

// Unreserved and sub-delims of RFC 3986, `%`, `:` and `@`; a `*` would be taken for an operator that is none.
const LITERAL = /^[A-Za-z0-9\-._~!$&'()+,;=:@%]*$/

/**
 * A path by segments, as Istio and Envoy's uri_template_matcher write it: `{*}` or `*` is one segment that is not empty,
 * `{**}` or `**` whatever is left there, slashes included, or nothing. `/items/{**}` is `/items/` and all below it, not `/items`.
 */
export class PathTemplate {
  readonly source: string
  /** Up to `{**}`, or all; undefined is `{*}`. */
  readonly #segments: readonly (string | undefined)[]
  /** What stands behind `{**}`, with its slash; undefined: there is none. */
  readonly #end: string | undefined

  /** @throws WeftError `path_template.invalid`: what in it is wrong. */
  constructor(source: string) {
    if (!source.startsWith('/')) throw invalid('must begin with /')
    const segments: (string | undefined)[] = []
    let end: string | undefined
    for (const segment of source.slice(1).split('/')) {
      const operator = /^\{?(\*\*?)\}?$/.exec(segment)?.[1]
      if (operator === undefined || segment.startsWith('{') !== segment.endsWith('}')) {
        if (!LITERAL.test(segment))
          throw invalid(
            `must have {*} or {**} for a whole segment, or none of * { }: "${segment}" is neither`,
          )
        if (end === undefined) segments.push(segment)
        else end += `/${segment}`
        continue
      }
      if (end !== undefined) throw invalid('must have no {*} or {**} behind {**}')
      if (operator === '**') end = ''
      else segments.push(undefined)
    }
    this.source = source
    this.#segments = segments
    this.#end = end
  }

  /** `path` without its query. In time linear in it. */
  matches(path: string): boolean {
    const segments = this.#segments
    const end = this.#end
    const { begins, segments: count } = scannedPath(path)
    if (end === undefined ? count !== segments.length : count <= segments.length) return false
    // Most templates are told apart by lengths.
    for (let i = 0; i < segments.length; i++) {
      const length = (begins[i + 1] as number) - (begins[i] as number) - 1
      const segment = segments[i]
      if (segment === undefined ? length === 0 : length !== segment.length) return false
    }
    for (let i = 0; i < segments.length; i++) {
      const segment = segments[i]
      if (segment !== undefined && !path.startsWith(segment, begins[i])) return false
    }
    if (end === undefined || end === '') return true
    return path.length - end.length >= (begins[segments.length] as number) && path.endsWith(end)
  }
}

function invalid(text: string): WeftError {
  return new WeftError('path_template.invalid', text)
}
