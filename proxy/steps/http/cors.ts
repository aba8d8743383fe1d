import { Cors, CorsPolicy as WirePolicy, type StringMatcher } from '../../../core/xds/generated/envoy.js'
import {
  field,
  removeField,
  setField,
  type Fields,
  type RequestHead,
  type ResponseHead,
} from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import type { Route } from '../../model/route.ts'
import type { ValueMatch } from '../../model/value-match.ts'
import { testValue } from '../../route/match.ts'
import { checkHeadText } from '../../xds/decode-mutation.ts'
import { decodeString } from '../../xds/decode-match.ts'
import type { Scope } from '../../xds/scope.ts'
import { perRoute, routeConfig, type RequestStep, type StepKind, type Verdict } from '../step.ts'

/** envoy.extensions.filters.http.cors.v3.CorsPolicy: texts are the values of the fields, '' leaves a field out. */
export interface CorsPolicy {
  readonly origins: readonly ValueMatch[]
  /** `origins` holds one for whatever there is. */
  readonly anyOrigin: boolean
  readonly methods: string
  readonly headers: string
  readonly exposed: string
  readonly maxAge: string
  readonly credentials: boolean
  /** Preflights of other origins go on to the upstream, as Envoy's default is; false: they are answered here. */
  readonly forwardOthers: boolean
}

/** The pattern by which configuration says that any origin will do. */
export const ANY_ORIGIN = '.*'
const ANY = '*'
const FIELDS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
] as const

/**
 * Answers preflights, and says in answers to other requests which origins may read them (Fetch standard, section 3.2). A
 * route without a policy of its own is none of its business.
 */
export class CorsStep implements RequestStep {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  decide(_hop: Hop, head: RequestHead, route: Route | undefined): Verdict {
    const policy = this.#policyOf(route)
    if (!policy || !isPreflight(head)) return undefined
    const allowed = allows(policy, head)
    if (!allowed && policy.forwardOthers) return undefined
    const fields = allowed ? preflightFields(policy, head) : []
    return { kind: 'answer', flags: 0, reply: { status: 200, details: 'cors_preflight', text: '', fields } }
  }

  respond(_hop: Hop, head: RequestHead, route: Route | undefined, response: ResponseHead): void {
    const policy = this.#policyOf(route)
    if (!policy || field(head.fields, 'origin') === undefined || isPreflight(head)) return
    // The route has the last word: what the application says for itself would be a second one.
    for (const name of FIELDS) removeField(response.fields, name)
    vary(response.fields)
    if (!allows(policy, head)) return
    response.fields.push(...originFields(policy, head))
    if (policy.exposed !== '' && !(policy.exposed === ANY && policy.credentials))
      response.fields.push('access-control-expose-headers', policy.exposed)
  }

  #policyOf(route: Route | undefined): CorsPolicy | undefined {
    return route?.filterConfigs && (routeConfig(route, cors, this.#name) as CorsPolicy | undefined)
  }
}

/** CORS-preflight request (Fetch standard, section 3.2.2). */
function isPreflight({ method, fields }: RequestHead): boolean {
  return (
    method === 'OPTIONS' &&
    field(fields, 'origin') !== undefined &&
    field(fields, 'access-control-request-method') !== undefined
  )
}

/**
 * Whether the request's origin may know. Where any origin may and credentials are none of them, a request that brings some
 * is told nothing (GEP-1767, "Wildcard Resolution and Credentials").
 */
function allows(policy: CorsPolicy, { fields }: RequestHead): boolean {
  const origin = field(fields, 'origin') ?? ''
  if (!policy.origins.some((one) => testValue(one, origin) || testValue(one, withoutDefaultPort(origin))))
    return false
  const bringsCredentials =
    field(fields, 'cookie') !== undefined || field(fields, 'authorization') !== undefined
  return !(policy.anyOrigin && !policy.credentials && bringsCredentials)
}

/** `https://shop.example:443` and `https://shop.example` are one origin. */
function withoutDefaultPort(origin: string): string {
  return origin.replace(/^(http:\/\/.*):80$/, '$1').replace(/^(https:\/\/.*):443$/, '$1')
}

function originFields({ credentials }: CorsPolicy, { fields }: RequestHead): Fields {
  const allowed = ['access-control-allow-origin', field(fields, 'origin') ?? '']
  return credentials ? [...allowed, 'access-control-allow-credentials', 'true'] : allowed
}

function preflightFields(policy: CorsPolicy, head: RequestHead): Fields {
  const { credentials, exposed, maxAge } = policy
  const fields = originFields(policy, head)
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') fields.push(name, value)
  }
  // With credentials `*` is a name like others (Fetch standard, section 3.2.5): what was asked for is said instead.
  const said = (value: string, asked: string): string | undefined =>
    value === ANY && credentials ? field(head.fields, asked) : value
  add('access-control-allow-methods', said(policy.methods, 'access-control-request-method'))
  add('access-control-allow-headers', said(policy.headers, 'access-control-request-headers'))
  if (exposed !== ANY || !credentials) add('access-control-expose-headers', exposed)
  add('access-control-max-age', maxAge)
  vary(fields)
  return fields
}

/** Caches keep an answer for each origin (RFC 9110 section 12.5.5). */
function vary(fields: Fields): void {
  const before = field(fields, 'vary')
  if (before === undefined) fields.push('vary', 'origin')
  else if (before !== ANY && !/(^|,)\s*origin\s*(,|$)/i.test(before))
    setField(fields, 'vary', `${before}, origin`)
}

function readPolicy(message: WirePolicy, scope: Scope): CorsPolicy {
  const { allowOriginStringMatch = [], allowMethods = '', allowHeaders = '', exposeHeaders = '' } = message
  const { maxAge = '', allowCredentials = false, forwardNotMatchingPreflights = true } = message
  const texts = { allowMethods, allowHeaders, exposeHeaders }
  for (const [name, text] of Object.entries(texts))
    checkHeadText(text, scope.at(name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)))
  if (!/^\d*$/.test(maxAge)) scope.at('max_age').fail('must be a number of seconds')
  return {
    origins: allowOriginStringMatch.map((one, i) =>
      decodeString(one, 'origin', scope.at('allow_origin_string_match', i)),
    ),
    anyOrigin: allowOriginStringMatch.some(isAny),
    methods: allowMethods,
    headers: allowHeaders,
    exposed: exposeHeaders,
    maxAge,
    credentials: allowCredentials,
    forwardOthers: forwardNotMatchingPreflights,
  }
}

function isAny({ safeRegex }: StringMatcher): boolean {
  return safeRegex?.regex === ANY_ORIGIN
}

/** The filter itself has no settings: only routes have. */
export const cors: StepKind<Cors, CorsPolicy | undefined, RequestStep> = {
  kind: 'envoy.filters.http.cors',
  type: Cors,
  read: () => undefined,
  perRoute: perRoute(WirePolicy, readPolicy),
  create: (_config, name) => new CorsStep(name),
}
