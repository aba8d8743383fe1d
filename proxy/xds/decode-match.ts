import { describeError } from '../../core/errors.ts'
import { patternOf, type Pattern } from '../../core/pattern.ts'
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RegexMatcher,
  StringMatcher,
} from '../../core/xds/generated/envoy.js'
import type { ValueMatch } from '../model/value-match.ts'
import type { Scope } from './scope.ts'

export function decodeRegex(matcher: RegexMatcher | undefined, scope: Scope): Pattern | undefined {
  const regex = matcher?.regex ?? ''
  const problem = scope.patterns.add([regex])
  if (problem !== undefined) {
    scope.at('regex').fail(problem)
    return undefined
  }
  try {
    return patternOf(regex)
  } catch (error) {
    scope.at('regex').fail(describeError(error))
    return undefined
  }
}

/** envoy.config.route.v3.HeaderMatcher */
export function decodeHeader(header: HeaderMatcher, scope: Scope): ValueMatch {
  const match = decodeHeaderValue(header, scope)
  return header.treatMissingHeaderAsEmpty ? { ...match, absentIsEmpty: true } : match
}

function decodeHeaderValue(header: HeaderMatcher, scope: Scope): ValueMatch {
  const name = (header.name ?? '').toLowerCase()
  const invert = header.invertMatch ?? false
  const made = (kind: ValueMatch['kind'], value = '', regex?: Pattern): ValueMatch => ({
    name,
    kind,
    value,
    regex,
    invert,
  })
  if (header.stringMatch)
    return { ...decodeString(header.stringMatch, name, scope.at('string_match')), invert }
  if (header.exactMatch !== undefined) return made('exact', header.exactMatch)
  if (header.prefixMatch !== undefined) return made('prefix', header.prefixMatch)
  if (header.suffixMatch !== undefined) return made('suffix', header.suffixMatch)
  if (header.containsMatch !== undefined) return made('contains', header.containsMatch)
  if (header.safeRegexMatch)
    return made('regex', '', decodeRegex(header.safeRegexMatch, scope.at('safe_regex_match')))
  return { ...made('present'), invert: invert !== (header.presentMatch === false) }
}

/** envoy.config.route.v3.QueryParameterMatcher */
export function decodeQuery(parameter: QueryParameterMatcher, scope: Scope): ValueMatch {
  const name = parameter.name ?? ''
  if (parameter.stringMatch) return decodeString(parameter.stringMatch, name, scope.at('string_match'))
  return { name, kind: 'present', value: '', regex: undefined, invert: parameter.presentMatch === false }
}

/** envoy.type.matcher.v3.StringMatcher; `name`: of what is matched. */
export function decodeString(matcher: StringMatcher, name: string, scope: Scope): ValueMatch {
  const made = (kind: ValueMatch['kind'], value: string): ValueMatch => ({
    name,
    kind,
    value,
    regex: undefined,
    invert: false,
  })
  if (matcher.exact !== undefined) return made('exact', matcher.exact)
  if (matcher.prefix !== undefined) return made('prefix', matcher.prefix)
  if (matcher.suffix !== undefined) return made('suffix', matcher.suffix)
  if (matcher.contains !== undefined) return made('contains', matcher.contains)
  if (matcher.safeRegex)
    return { ...made('regex', ''), regex: decodeRegex(matcher.safeRegex, scope.at('safe_regex')) }
  scope.fail('needs exact, prefix, suffix, contains or safe_regex')
  return made('exact', '')
}
