import type { JwtAuthentication, JwtProvider, RequirementRule } from '../../../core/xds/generated/envoy.js'
import type { Scope } from '../../xds/scope.ts'

/** Whose tokens are believed, and what becomes of them (envoy.extensions.filters.http.jwt_authn.v3.JwtProvider). */
export interface TokenProvider {
  /** Its key among the providers, for whoever reads a dump. */
  readonly name: string
  readonly issuer: string
  /** One of them must be among a token's; none: any will do. */
  readonly audiences: readonly string[]
  /** A JWK Set (RFC 7517 section 5), as it came. */
  readonly keys: readonly object[]
  readonly places: TokenPlaces
  /** The token goes on to the application. */
  readonly forward: boolean
  /** Lower-case name of the field that gets the payload as it stands in the token, or ''. */
  readonly payloadField: string
  readonly claimFields: readonly ClaimField[]
  /** How far the issuer's clock and ours may differ. */
  readonly skewSeconds: number
}

/** Where a request may show a token. */
export interface TokenPlaces {
  /** Lower-case names; a value that does not begin with `prefix`, in any case, is none. */
  readonly fields: readonly { readonly name: string; readonly prefix: string }[]
  readonly parameters: readonly string[]
  readonly cookies: readonly string[]
}

/** A claim that the application gets as a field. */
export interface ClaimField {
  /** Lower-case. */
  readonly name: string
  /** From the payload down. */
  readonly path: readonly string[]
}

/** Of a provider that names no place (RFC 6750 sections 2.1 and 2.3). */
const DEFAULT_PLACES: TokenPlaces = {
  fields: [{ name: 'authorization', prefix: 'Bearer ' }],
  parameters: ['access_token'],
  cookies: [],
}
const DEFAULT_SKEW_SECONDS = 60
const MOST_KEYS = 100

/** Fields that frame or route a message, or that sidecars write: no claim may stand in them. */
const RESERVED =
  /^(?::.*|host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-connection|expect|x-weft-.*|x-forwarded-.*)$/
const FIELD_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/

/** The providers of a filter; what is wrong with them is told to `scope`. */
export function readProviders(
  { providers = {}, rules = [] }: JwtAuthentication,
  scope: Scope,
): TokenProvider[] {
  if (rules.length > 1) scope.at('rules', 1).fail('is one rule too many: the first is for all requests')
  for (const [at, rule] of rules.entries()) checkRule(rule, scope.at('rules', at))
  const byIssuer = new Map<string, string>()
  return Object.entries(providers).map(([name, provider]) => {
    const place = scope.at(`providers[${name}]`)
    const read = readProvider(name, provider, place)
    const other = byIssuer.get(read.issuer)
    if (other !== undefined) place.at('issuer').fail(`is that of provider ${other}, too: make them one`)
    byIssuer.set(read.issuer, name)
    return read
  })
}

function checkRule({ match, requires }: RequirementRule, scope: Scope): void {
  if (match?.prefix === undefined) scope.at('match.prefix').fail('is required: /')
  if (!requires?.allowMissing) scope.at('requires.allow_missing').fail('is required: {}')
}

function readProvider(name: string, provider: JwtProvider, scope: Scope): TokenProvider {
  const { fromHeaders = [], fromParams = [], fromCookies = [], claimToHeaders = [] } = provider
  const places: TokenPlaces = {
    fields: fromHeaders.map(({ name: field = '', valuePrefix = '' }, at) => ({
      name: fieldName(field, scope.at('from_headers', at).at('name')),
      prefix: valuePrefix,
    })),
    parameters: fromParams,
    cookies: fromCookies,
  }
  const anyPlace = fromHeaders.length + fromParams.length + fromCookies.length > 0
  const payload = provider.forwardPayloadHeader ?? ''
  const read: TokenProvider = {
    name,
    issuer: provider.issuer ?? '',
    audiences: provider.audiences ?? [],
    keys: readKeys(provider.localJwks?.inlineString ?? '', scope.at('local_jwks.inline_string')),
    places: anyPlace ? places : DEFAULT_PLACES,
    forward: provider.forward ?? false,
    payloadField: payload === '' ? '' : writtenField(payload, scope.at('forward_payload_header')),
    claimFields: claimToHeaders.map(({ headerName = '', claimName = '' }, at) => ({
      name: writtenField(headerName, scope.at('claim_to_headers', at).at('header_name')),
      path: claimName.split('.'),
    })),
    skewSeconds: provider.clockSkewSeconds || DEFAULT_SKEW_SECONDS,
  }
  const tokenFields = new Set(read.places.fields.map((place) => place.name))
  for (const field of [read.payloadField, ...read.claimFields.map((claim) => claim.name)])
    if (tokenFields.has(field)) scope.fail(`${field} is where the token stands: claims need another field`)
  return read
}

function readKeys(text: string, scope: Scope): readonly object[] {
  let set: unknown
  try {
    set = JSON.parse(text)
  } catch {
    set = undefined
  }
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null)) {
    scope.fail('must be a JWK Set: {"keys": [...]}')
    return []
  }
  if (keys.length > MOST_KEYS) scope.fail(`has ${keys.length} keys; at most ${MOST_KEYS}`)
  return keys as readonly object[]
}

function fieldName(text: string, scope: Scope): string {
  const name = text.toLowerCase()
  if (!FIELD_NAME.test(name)) scope.fail('must be the name of an HTTP field')
  return name
}

function writtenField(text: string, scope: Scope): string {
  const name = fieldName(text, scope)
  if (RESERVED.test(name)) scope.fail(`${name} is written by proxies: choose another field`)
  return name
}
