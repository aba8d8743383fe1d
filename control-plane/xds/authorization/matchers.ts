import { isIP } from 'node:net'
import type { Matcher, TextMatch } from '../../../core/authorization/rules.ts'
import { packAny } from '../../../core/xds/any.ts'
import {
  UriTemplateMatchConfig,
  type CidrRange,
  type HeaderMatcher,
  type MetadataMatcher,
  type Permission,
  type Principal,
  type StringMatcher,
} from '../../../core/xds/generated/envoy.js'

// envoy.config.rbac.v3 has two trees, of which each knows leaves of its own: what is asked for, and who asks.

/** Where Envoy puts what a verified token says. */
const TOKENS = 'envoy.filters.http.jwt_authn'
const PAYLOAD = 'payload'

/** Throws where a permission has no word for it: rules are made so that it does not come to that. */
export function permission(matcher: Matcher): Permission {
  switch (matcher.kind) {
    case 'any':
      return { any: true }
    case 'and':
      return { andRules: { rules: matcher.of.map(permission) } }
    case 'or':
      return { orRules: { rules: matcher.of.map(permission) } }
    case 'not':
      return { notRule: permission(matcher.of) }
    case 'destination-ip':
      return { destinationIp: range(matcher) }
    case 'port': {
      const { start, end } = matcher
      return end === start + 1 ? { destinationPort: start } : { destinationPortRange: { start, end } }
    }
    case 'sni':
      return { requestedServerName: text(matcher.match) }
    case 'method':
      return { header: { name: ':method', stringMatch: text(matcher.match) } }
    case 'host':
      return { header: { name: ':authority', stringMatch: text(matcher.match) } }
    case 'path':
      return { urlPath: { path: text(matcher.match) } }
    case 'path-template':
      return { uriTemplate: template(matcher.template) }
    case 'header':
      return { header: header(matcher) }
    case 'claim':
      return { metadata: claim(matcher) }
    case 'identity':
    case 'source-ip':
      throw wrongSide(matcher)
  }
}

/** Throws where a principal has no word for it. */
export function principal(matcher: Matcher): Principal {
  switch (matcher.kind) {
    case 'any':
      return { any: true }
    case 'and':
      return { andIds: { ids: matcher.of.map(principal) } }
    case 'or':
      return { orIds: { ids: matcher.of.map(principal) } }
    case 'not':
      return { notId: principal(matcher.of) }
    case 'identity':
      return { authenticated: matcher.match ? { principalName: text(matcher.match) } : {} }
    case 'source-ip':
      return { directRemoteIp: range(matcher) }
    case 'method':
      return { header: { name: ':method', stringMatch: text(matcher.match) } }
    case 'host':
      return { header: { name: ':authority', stringMatch: text(matcher.match) } }
    case 'path':
      return { urlPath: { path: text(matcher.match) } }
    case 'header':
      return { header: header(matcher) }
    case 'claim':
      return { metadata: claim(matcher) }
    case 'destination-ip':
    case 'port':
    case 'sni':
    case 'path-template':
      throw wrongSide(matcher)
  }
}

function wrongSide({ kind }: Matcher): Error {
  return new Error(`a rule has ${kind} on the side where RBAC has no word for it`)
}

function text({ type, value, ignoreCase }: TextMatch): StringMatcher {
  const match = type === 'regex' ? { safeRegex: { regex: value } } : { [type]: value }
  return { ...match, ...(ignoreCase ? { ignoreCase } : {}) }
}

function range({ prefix, bits }: { readonly prefix: string; readonly bits: number }): CidrRange {
  return { addressPrefix: prefix, prefixLen: Math.min(bits, isIP(prefix) === 6 ? 128 : 32) }
}

function header({ name, match }: Extract<Matcher, { kind: 'header' }>): HeaderMatcher {
  return match ? { name, stringMatch: text(match) } : { name, presentMatch: true }
}

function claim({ path, match, inList }: Extract<Matcher, { kind: 'claim' }>): MetadataMatcher {
  const value = { stringMatch: text(match) }
  return {
    filter: TOKENS,
    path: [PAYLOAD, ...path].map((key) => ({ key })),
    value: inList ? { listMatch: { oneOf: value } } : value,
  }
}

/** Envoy's words for {*} and {**} are `*` and `**`. */
function template(written: string): NonNullable<Permission['uriTemplate']> {
  const pathTemplate = written.replaceAll(/\{(\*\*?)\}/g, '$1')
  return {
    name: 'envoy.path.match.uri_template.uri_template_matcher',
    typedConfig: packAny(UriTemplateMatchConfig, { pathTemplate }),
  }
}
