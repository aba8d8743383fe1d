import { WeftError } from '../core/errors.ts'
import { quote } from './printable.ts'

/** `path` is '' for the trust domain itself, otherwise it begins with a slash. */
export interface SpiffeId {
  readonly trustDomain: string
  readonly path: string
}

// SPIFFE-ID section 2.3: implementations MUST support 2048 bytes and SHOULD NOT make longer ones.
const LONGEST_ID_BYTES = 2048
const LONGEST_TRUST_DOMAIN = 255
const TRUST_DOMAIN = /^[a-z0-9._-]+$/
const SEGMENT = /^[a-zA-Z0-9._-]+$/

/**
 * Strict parser of the SPIFFE ID standard, section 2. `spiffe` is the only scheme and, unlike other URIs,
 * nothing is normalised: an ID that needs it is refused, so that equal identities are equal strings.
 * Throws WeftError `spiffe_id.*` with `field` as its field.
 */
export function parseSpiffeId(text: string, field?: string): SpiffeId {
  const fail = (code: string, message: string): never => {
    throw new WeftError(`spiffe_id.${code}`, `${quote(text)} is not a SPIFFE ID: ${message}`, at(field))
  }
  if (Buffer.byteLength(text) > LONGEST_ID_BYTES) fail('too_long', `longer than ${LONGEST_ID_BYTES} bytes`)
  if (!text.startsWith('spiffe://')) fail('scheme', 'it must begin with spiffe://')
  const rest = text.slice('spiffe://'.length)
  if (rest.includes('?')) fail('query', 'a query is not allowed')
  if (rest.includes('#')) fail('fragment', 'a fragment is not allowed')
  const slash = rest.indexOf('/')
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash)
  const path = slash < 0 ? '' : rest.slice(slash)
  if (trustDomain.includes('@')) fail('userinfo', 'a user is not allowed')
  if (trustDomain.includes(':')) fail('port', 'a port is not allowed')
  const problem = trustDomainProblem(trustDomain)
  if (problem) fail('trust_domain', problem)
  if (path !== '') {
    for (const segment of path.slice(1).split('/')) {
      if (segment === '') fail('path', 'the path has an empty segment or ends in a slash')
      if (segment === '.' || segment === '..') fail('path', `the path has a segment ${segment}`)
      if (!SEGMENT.test(segment))
        fail('path', 'a path segment may have only letters, digits, dot, dash and underscore')
    }
  }
  return { trustDomain, path }
}

export function formatSpiffeId(id: SpiffeId): string {
  const text = `spiffe://${id.trustDomain}${id.path}`
  parseSpiffeId(text)
  return text
}

/** Throws WeftError `spiffe_id.trust_domain` unless `text` can stand as a trust domain. */
export function checkTrustDomain(text: string, field?: string): string {
  const problem = trustDomainProblem(text)
  if (problem) {
    throw new WeftError(
      'spiffe_id.trust_domain',
      `${quote(text)} is not a trust domain: ${problem}`,
      at(field),
    )
  }
  return text
}

/** The identity of a workload: `spiffe://<trust-domain>/ns/<namespace>/sa/<service-account>`. */
export function workloadId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return formatSpiffeId({ trustDomain, path: `/ns/${namespace}/sa/${serviceAccount}` })
}

/** Namespace and service account of a workload's ID; undefined for any other path. */
export function workloadOf(id: SpiffeId): { namespace: string; serviceAccount: string } | undefined {
  const [empty, ns, namespace, sa, serviceAccount, ...more] = id.path.split('/')
  if (empty !== '' || ns !== 'ns' || sa !== 'sa' || !namespace || !serviceAccount || more.length > 0)
    return undefined
  return { namespace, serviceAccount }
}

function trustDomainProblem(text: string): string | undefined {
  if (text === '') return 'the trust domain is empty'
  if (text.length > LONGEST_TRUST_DOMAIN)
    return `the trust domain is longer than ${LONGEST_TRUST_DOMAIN} characters`
  if (!TRUST_DOMAIN.test(text)) {
    return 'a trust domain may have only lower-case letters, digits, dot, dash and underscore'
  }
  return undefined
}

function at(field: string | undefined): { field?: string } {
  return field === undefined ? {} : { field }
}
