import type { Kind } from '../../../core/authorization/condition.ts'
import { PathTemplate } from '../../../core/authorization/path-template.ts'
import type { Matcher, TextMatch } from '../../../core/authorization/rules.ts'
import { describeError } from '../../../core/errors.ts'
import { unpacked } from '../../../core/xds/any.ts'
import {
  UriTemplateMatchConfig,
  type CidrRange,
  type HeaderMatcher,
  type MetadataMatcher,
  type PathMatcher,
  type StringMatcher,
  type TypedExtensionConfig,
} from '../../../core/xds/generated/envoy.js'
import { isIP } from 'node:net'
import { decodeRegex } from '../../xds/decode-match.ts'
import type { Scope } from '../../xds/scope.ts'

// What permissions and principals have in common, each message to one matcher. What is wrong is told to the scope of the
// field, and what comes back is then not used.

const NOTHING: Matcher = { kind: 'not', of: { kind: 'any' } }

/** envoy.type.matcher.v3.StringMatcher */
export function readText(matcher: StringMatcher | undefined, scope: Scope): TextMatch {
  const { exact, prefix, suffix, contains, safeRegex, ignoreCase = false } = matcher ?? {}
  if (exact !== undefined) return { type: 'exact', value: exact, ignoreCase }
  for (const [type, value] of [
    ['prefix', prefix],
    ['suffix', suffix],
    ['contains', contains],
  ] as const) {
    if (value === undefined) continue
    // Envoy, too: it would be any text, which nobody writes so.
    if (value === '') scope.at(type).fail('must not be empty')
    return { type, value, ignoreCase }
  }
  if (!safeRegex) scope.fail('needs exact, prefix, suffix, contains or safe_regex')
  else decodeRegex(safeRegex, scope.at('safe_regex'))
  if (ignoreCase) scope.at('ignore_case').fail('says nothing of a safe_regex: write (?i) into it')
  return { type: 'regex', value: safeRegex?.regex ?? '', ignoreCase: false }
}

/** envoy.config.core.v3.CidrRange */
export function readBlock(
  { addressPrefix = '', prefixLen = 0 }: CidrRange,
  kind: 'source-ip' | 'destination-ip',
  scope: Scope,
): Matcher {
  const family = isIP(addressPrefix)
  if (family === 0) scope.at('address_prefix').fail(`"${addressPrefix}" is no IP address`)
  else if (prefixLen > (family === 4 ? 32 : 128))
    scope.at('prefix_len').fail(`an address of ${addressPrefix}'s kind does not have ${prefixLen} bits`)
  return { kind, prefix: addressPrefix, bits: prefixLen }
}

/** envoy.config.route.v3.HeaderMatcher, also of Envoy's names for what is no field of HTTP/1.1. */
export function readHeader(
  { name = '', stringMatch, presentMatch }: HeaderMatcher,
  kind: Kind,
  scope: Scope,
): Matcher {
  if (!ofRequest(kind, scope)) return NOTHING
  if (!stringMatch && presentMatch !== true) scope.fail('needs string_match, or present_match: true')
  const match = stringMatch ? readText(stringMatch, scope.at('string_match')) : undefined
  const lower = name.toLowerCase()
  if (lower === ':method' || lower === ':authority' || lower === 'host') {
    if (!match) return { kind: 'any' }
    return { kind: lower === ':method' ? 'method' : 'host', match }
  }
  if (lower.startsWith(':'))
    scope
      .at('name')
      .fail(`${name} is not supported: use :method, :authority, url_path, or the name of a field`)
  return { kind: 'header', name: lower, match }
}

/** envoy.type.matcher.v3.PathMatcher */
export function readPath({ path }: PathMatcher, kind: Kind, scope: Scope): Matcher {
  if (!ofRequest(kind, scope)) return NOTHING
  return { kind: 'path', match: readText(path, scope.at('path')) }
}

/** envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig */
export function readTemplate({ typedConfig }: TypedExtensionConfig, kind: Kind, scope: Scope): Matcher {
  if (!ofRequest(kind, scope)) return NOTHING
  const template = unpacked(typedConfig, UriTemplateMatchConfig)?.pathTemplate ?? ''
  try {
    return { kind: 'path-template', template: new PathTemplate(template).source }
  } catch (error) {
    scope.at('typed_config').at('path_template').fail(describeError(error))
    return NOTHING
  }
}

/** envoy.type.matcher.v3.MetadataMatcher, of a token. Claims stand below this key, as in Envoy's payload_in_metadata. */
export function readClaim({ path = [], value }: MetadataMatcher, kind: Kind, scope: Scope): Matcher {
  if (!ofRequest(kind, scope)) return NOTHING
  const [payload, ...keys] = path.map(({ key = '' }) => key)
  if (payload !== PAYLOAD || keys.length === 0)
    scope.at('path').fail(`must be ${PAYLOAD}, and below it the name of a claim`)
  const at = scope.at('value')
  const list = value?.listMatch?.oneOf
  if (!list && !value?.stringMatch) {
    at.fail('needs string_match or list_match')
    return NOTHING
  }
  const match = list
    ? readText(list.stringMatch, at.at('list_match').at('one_of').at('string_match'))
    : readText(value?.stringMatch, at.at('string_match'))
  return { kind: 'claim', path: keys, match, inList: list !== undefined }
}

const PAYLOAD = 'payload'

/** False: a connection has none, and that was told. */
function ofRequest(kind: Kind, scope: Scope): boolean {
  if (kind === 'request') return true
  scope.fail('is of requests: a connection has none of it')
  return false
}
