import { WeftError } from '../errors.ts'

const SEGMENT = /[^/]+/.source
const REST = /.*/.source
const SPECIAL = /[\\^$.*+?()[\]{}|]/g
// Unreserved and sub-delims of RFC 3986, `%`, `:` and `@`; a `*` would be taken for an operator that is none.
const LITERAL = /^[A-Za-z0-9\-._~!$&'()+,;=:@%]*$/

/**
 * A path by segments, as Istio and Envoy's uri_template_matcher write it: `{*}` or `*` is one segment that is not empty,
 * `{**}` or `**` whatever is left there, slashes included, or nothing. `/items/{**}` is `/items/` and all below it, not `/items`.
 */
export class PathTemplate {
  readonly source: string
  /** What stands before its first operator: most paths differ there. */
  readonly #before: string
  readonly #expression: RegExp

  /** @throws WeftError `path_template.invalid`: what in it is wrong. */
  constructor(source: string) {
    if (!source.startsWith('/')) throw invalid('must begin with /')
    const segments = source.slice(1).split('/')
    let rest = false
    const parts = segments.map((segment) => {
      const operator = /^\{?(\*\*?)\}?$/.exec(segment)?.[1]
      if (operator === undefined || segment.startsWith('{') !== segment.endsWith('}')) {
        if (!LITERAL.test(segment))
          throw invalid(
            `must have {*} or {**} for a whole segment, or none of * { }: "${segment}" is neither`,
          )
        return segment.replace(SPECIAL, String.raw`\$&`)
      }
      if (rest) throw invalid('must have no {*} or {**} behind {**}')
      rest = operator === '**'
      return rest ? REST : SEGMENT
    })
    this.source = source
    this.#before = source.slice(0, source.search(/[{*]|$/))
    // In time linear in the path: a segment ends at its slash, and the rest stands there once.
    this.#expression = new RegExp(`^/${parts.join('/')}$`, 's')
  }

  /** `path` without its query. */
  matches(path: string): boolean {
    return path.startsWith(this.#before) && this.#expression.test(path)
  }
}

function invalid(text: string): WeftError {
  return new WeftError('path_template.invalid', text)
}
