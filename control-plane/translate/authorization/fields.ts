import { isIP } from 'node:net'
import type { Matcher } from '../../../core/authorization/rules.ts'
import { canonicalAddress } from '../../../core/ip-address.ts'
import type {
  GrpcOperation,
  Listed,
  PolicyCondition,
  PolicyOperation,
  PolicySource,
} from '../../registry/kinds/authorization-policy/policy.ts'
import {
  namespaceMatcher,
  principalMatcher,
  serviceAccountMatcher,
  trustDomainMatcher,
  type TrustDomains,
} from './identities.ts'
import { all, any, ANYTHING, exact, not, prefix, wildcardMatch } from './matchers.ts'
import { audienceMatcher, claimMatcher, presenterMatcher, requestPrincipalMatcher } from './tokens.ts'

/** Whose words a policy is read in. */
export interface PolicyContext {
  /** Of the policy. */
  readonly namespace: string
  readonly domains: TrustDomains
}

/** One field of a rule, as what it asks. */
export interface Asked {
  /** As a person finds it, below the rule: `from.source.requestPrincipals`. */
  readonly field: string
  /** Nothing but a request has it. */
  readonly http: boolean
  readonly side: 'permission' | 'principal'
  readonly matcher: Matcher
}

export function askedOfSource(source: PolicySource, { namespace, domains }: PolicyContext): readonly Asked[] {
  const field = <T>(
    name: string,
    listed: Listed<T> | undefined,
    match: (value: T) => Matcher,
    http = false,
  ): Asked[] => askedOf(`from.source.${name}`, 'principal', listed, match, http)
  return [
    ...field('principals', source.principals, (value) => principalMatcher(value, domains)),
    ...field('namespaces', source.namespaces, (value) => namespaceMatcher(value, domains)),
    ...field('serviceAccounts', source.serviceAccounts, (value) =>
      serviceAccountMatcher(value, namespace, domains),
    ),
    ...field('ipBlocks', source.ipBlocks, sourceIp),
    ...field('trustDomains', source.trustDomains, (value) => trustDomainMatcher(value, domains)),
    ...field('requestPrincipals', source.requestPrincipals, requestPrincipalMatcher, true),
  ]
}

export function askedOfOperation(operation: PolicyOperation): readonly Asked[] {
  const field = <T>(
    name: string,
    listed: Listed<T> | undefined,
    match: (value: T) => Matcher,
    http = true,
  ): Asked[] => askedOf(`to.operation.${name}`, 'permission', listed, match, http)
  return [
    ...field('ports', operation.ports, portMatcher, false),
    ...field('methods', operation.methods, methodMatcher),
    ...field('paths', operation.paths, pathMatcher),
    ...field('hosts', operation.hosts, hostMatcher),
    ...field('grpc', operation.grpc, grpcMatcher),
    ...field('snis', operation.snis, sniMatcher, false),
  ]
}

export function askedOfCondition({ key, ...listed }: PolicyCondition): readonly Asked[] {
  const condition = (
    name: string,
    match: (value: string) => Matcher,
    { http = true, side = 'permission' }: { http?: boolean; side?: Asked['side'] } = {},
  ): Asked[] => askedOf(`when ${name}`, side, listed, match, http)
  switch (key.kind) {
    case 'header':
      return condition(`request.headers[${key.name}]`, (value) => ({
        kind: 'header',
        name: key.name,
        match: value === '*' ? undefined : wildcardMatch(value),
      }))
    case 'claim':
      return condition(`request.auth.claims[${key.path.join('][')}]`, (value) =>
        claimMatcher(key.path, wildcardMatch(value)),
      )
    case 'request.auth.principal':
      return condition(key.kind, requestPrincipalMatcher)
    case 'request.auth.audiences':
      return condition(key.kind, audienceMatcher)
    case 'request.auth.presenter':
      return condition(key.kind, presenterMatcher)
    case 'source.ip':
      return condition(key.kind, sourceIp, { http: false, side: 'principal' })
    case 'destination.port':
      return condition(key.kind, (value) => portMatcher(Number(value)), { http: false })
    case 'connection.sni':
      return condition(key.kind, sniMatcher, { http: false })
  }
}

function askedOf<T>(
  field: string,
  side: Asked['side'],
  listed: Listed<T> | undefined,
  match: (value: T) => Matcher,
  http: boolean,
): Asked[] {
  if (!listed) return []
  const { values, notValues } = listed
  const matcher = all([
    values.length === 0 ? ANYTHING : any(values.map(match)),
    notValues.length === 0 ? ANYTHING : not(any(notValues.map(match))),
  ])
  return [{ field, side, http, matcher }]
}

function sourceIp(value: string): Matcher {
  const [address = '', bits] = value.split('/')
  const prefix = canonicalAddress(address)
  return {
    kind: 'source-ip',
    prefix,
    bits: bits === undefined ? (isIP(prefix) === 6 ? 128 : 32) : Number(bits),
  }
}

export function portMatcher(port: number): Matcher {
  return { kind: 'port', start: port, end: port + 1 }
}

// Each request has a method, a path and a host: what is any of them, any request is.

function methodMatcher(value: string): Matcher {
  return value === '*' ? ANYTHING : { kind: 'method', match: wildcardMatch(value) }
}

function pathMatcher(value: string): Matcher {
  if (value === '*') return ANYTHING
  if (value.includes('{')) return { kind: 'path-template', template: value }
  return { kind: 'path', match: wildcardMatch(value) }
}

/** Without a port: whatever the port. */
export function hostMatcher(value: string): Matcher {
  if (value === '*') return ANYTHING
  const match = wildcardMatch(value, true)
  const host: Matcher = { kind: 'host', match }
  if (match.type === 'prefix' || /:\d+$/.test(value)) return host
  const withPort: Matcher =
    match.type === 'exact'
      ? { kind: 'host', match: prefix(`${match.value}:`, true) }
      : { kind: 'host', match: { type: 'contains', value: `${match.value}:`, ignoreCase: true } }
  return any([host, withPort])
}

/** gRPC over HTTP/2, "Requests": `/service/method`. */
function grpcMatcher({ service, method }: GrpcOperation): Matcher {
  return {
    kind: 'path',
    match: method === undefined ? prefix(`/${service}/`) : exact(`/${service}/${method}`),
  }
}

function sniMatcher(value: string): Matcher {
  return { kind: 'sni', match: wildcardMatch(value, true) }
}

/** A path below `value` by whole segments, or that path itself; '' is every path. */
export function below(value: string): Matcher {
  if (value === '') return ANYTHING
  return any([
    { kind: 'path', match: exact(value) },
    { kind: 'path', match: prefix(`${value}/`) },
  ])
}
