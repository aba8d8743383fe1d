import { readKeySet } from '../../model/key-set.ts'
import { MOST_RULES, type ClaimHeader, type KeySource, type TokenRule } from '../../model/token-rule.ts'
import type { Fields, TextCheck } from '../fields.ts'
import { exactly, readFilled, textsWith } from './authorization-policy/values.ts'
import { readDurationWithin } from './duration.ts'

const MOST_PLACES = 8
const MOST_AUDIENCES = 32
const MOST_CLAIMS = 32
const DEFAULT_TIMEOUT_MS = 5000

const PRINTABLE: TextCheck = { pattern: /^[!-~](?:[ -~]{0,2046}[!-~])?$/, is: 'printable' }
const HEADER: TextCheck = {
  pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/,
  is: 'an HTTP field name',
}
// RFC 6265 section 4.1.1, and RFC 3986 section 3.4 without what means something in a query.
const COOKIE: TextCheck = { pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, is: 'the name of a cookie' }
const PARAMETER: TextCheck = { pattern: /^[A-Za-z0-9._~-]{1,128}$/, is: 'the name of a query parameter' }
const CLAIM: TextCheck = {
  pattern: /^[A-Za-z0-9_:/-]{1,128}(?:\.[A-Za-z0-9_:/-]{1,128}){0,7}$/,
  is: 'the name of a claim, with "." between nested ones',
}
/** Written by proxies, or of the message itself: no claim may stand there. */
const RESERVED =
  /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-connection|expect|x-weft-.*|x-forwarded-.*)$/i

/** `jwtRules` of a RequestAuthentication, and of `requestAuthentication` in MeshPolicy. */
export function readTokenRules(spec: Fields): readonly TokenRule[] {
  if (!spec.has('jwtRules')) spec.problem('is required: whose tokens are verified, and how', 'jwtRules')
  const issuers = new Set<string>()
  return readFilled(
    spec,
    'jwtRules',
    () =>
      spec.list('jwtRules', (rule) => {
        const read = readRule(rule)
        if (issuers.has(read.issuer)) rule.problem(`names ${read.issuer} a second time`, 'issuer')
        issuers.add(read.issuer)
        return read
      }),
    MOST_RULES,
  )
}

function readRule(rule: Fields): TokenRule {
  const issuer = rule.requiredText('issuer', PRINTABLE)
  const audiences = readFilled(rule, 'audiences', textsWith(exactly(PRINTABLE)), MOST_AUDIENCES)
  const keys = readKeys(rule, issuer)
  const fromHeaders = readFilled(
    rule,
    'fromHeaders',
    () =>
      rule.list('fromHeaders', (entry) => {
        const name = entry.requiredText('name', HEADER)
        const prefix = entry.text('prefix', {
          pattern: /^[ -~]{0,64}$/,
          is: 'printable, of 64 characters at most',
        })
        entry.refuseUnknown({ nulls: true })
        return { name, prefix: prefix ?? '' }
      }),
    MOST_PLACES,
  )
  const fromParams = readFilled(rule, 'fromParams', textsWith(exactly(PARAMETER)), MOST_PLACES)
  const fromCookies = readFilled(rule, 'fromCookies', textsWith(exactly(COOKIE)), MOST_PLACES)
  const payloadHeader = rule.text('outputPayloadToHeader', HEADER)
  const taken = new Set<string>(
    fromHeaders.length + fromParams.length + fromCookies.length === 0
      ? ['authorization']
      : fromHeaders.map(({ name }) => name.toLowerCase()),
  )
  const output = (fields: Fields, name: string | undefined, field: string): void => {
    if (name === undefined) return
    if (RESERVED.test(name)) fields.problem('is written by proxies: choose another header', field)
    if (taken.has(name.toLowerCase()))
      fields.problem(`${name} holds the token, or another claim, already: choose another header`, field)
    taken.add(name.toLowerCase())
  }
  output(rule, payloadHeader, 'outputPayloadToHeader')
  const claimHeaders = readFilled(
    rule,
    'outputClaimToHeaders',
    () =>
      rule.list('outputClaimToHeaders', (entry): ClaimHeader => {
        const header = entry.requiredText('header', HEADER)
        const claim = entry.requiredText('claim', CLAIM)
        output(entry, header, 'header')
        entry.refuseUnknown({ nulls: true })
        return { header, claim }
      }),
    MOST_CLAIMS,
  )
  const forward = rule.boolean('forwardOriginalToken') ?? false
  rule.refuseUnknown({ nulls: true })
  return {
    issuer,
    audiences,
    keys,
    fromHeaders,
    fromParams,
    fromCookies,
    forward,
    payloadHeader,
    claimHeaders,
  }
}

function readKeys(rule: Fields, issuer: string): TokenRule['keys'] {
  const jwks = rule.text('jwks')
  const uri = rule.text('jwksUri', {
    pattern: /^https?:\/\/[!-~]{1,2040}$/,
    is: 'a URL, such as https://issuer.example/keys',
  })
  const timeoutMs = readDurationWithin(rule, 'timeout', '100ms', '30s') ?? DEFAULT_TIMEOUT_MS
  if (rule.has('jwks') && rule.has('jwksUri'))
    rule.problem('does not go with jwksUri: write one of the two', 'jwks')
  if (rule.has('jwks') && rule.has('timeout'))
    rule.problem('does not go with jwks, which is not fetched', 'timeout')
  if (rule.has('jwks')) return { kind: 'inline', text: jwks === undefined ? '' : readInline(rule, jwks) }
  const source: KeySource =
    uri === undefined ? { kind: 'issuer', url: issuer, timeoutMs } : { kind: 'uri', url: uri, timeoutMs }
  if (!URL.canParse(source.url) || !/^https?:/.test(source.url)) {
    if (uri === undefined)
      rule.problem('is needed, or jwksUri: the issuer is no URL, where its keys could be found', 'jwks')
    else rule.problem('must be a URL, such as https://issuer.example/keys', 'jwksUri')
  } else if (new URL(source.url).username !== '' || new URL(source.url).password !== '')
    rule.problem('must hold no user and no password', uri === undefined ? 'issuer' : 'jwksUri')
  return source
}

/** Strict, where what is fetched is not: somebody wrote this here. */
function readInline(rule: Fields, jwks: string): string {
  const { set, problems } = readKeySet(jwks)
  for (const { at, message } of problems)
    rule.problem(at === undefined ? message : `has in keys[${at}] what ${message}`, 'jwks')
  if (problems.length === 0 && set.count === 0) rule.problem('holds no key for signatures', 'jwks')
  return set.text
}
