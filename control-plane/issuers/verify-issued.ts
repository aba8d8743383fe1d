import type { X509Certificate } from 'node:crypto'
import { isSelfSigned, pathToRoot } from '../../certs/chain.ts'
import { caLimits } from '../../certs/ca-limits.ts'
import { caProblem } from '../../certs/ca-problem.ts'
import { Oid } from '../../certs/oids.ts'
import { certificateExtensionsOf, type ParsedExtensions } from '../../certs/parsed-extensions.ts'
import { oneLineName, quote } from '../../certs/printable.ts'
import { parseSpiffeId } from '../../certs/spiffe-id.ts'
import type { TrustBundle } from '../../certs/trust-bundle.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { CertificateRequest } from './issuer.ts'

/** Signers round up, and begin in the past. */
const LIFE_SLACK_MS = 5 * 60_000
const LIFE_SLACK_SHARE = 0.1
/** Of what was asked for; less would have everybody ask all the time. */
const LEAST_LIFE_SHARE = 0.01
const LONGEST_CHAIN = 8

/**
 * Holds what an issuer answered to what it was asked for: a wrong certificate is never handed on. The chain without its
 * root, as a TLS peer is shown it. Throws WeftError `issuer.wrong_answer` with the field that is wrong.
 */
export function verifyIssued(
  answer: readonly X509Certificate[],
  request: Pick<CertificateRequest, 'names' | 'publicKey' | 'lifeMs'>,
  bundle: TrustBundle,
  now: number,
): readonly X509Certificate[] {
  const [leaf] = answer
  if (!leaf) throw wrong('certificate', 'is missing', 'see what the issuer logs')
  if (answer.length > LONGEST_CHAIN)
    throw wrong(
      'chain',
      `has ${answer.length} certificates, at most ${LONGEST_CHAIN} are taken`,
      'leave CAs out between the root and the issuing one',
    )
  const extensions = readable(() => certificateExtensionsOf(leaf))
  if (extensions.ca || extensions.mayCertify || leaf.ca)
    throw wrong('basicConstraints', 'is that of a CA', 'have the issuer make end entities only')
  if (!leaf.publicKey.equals(request.publicKey))
    throw wrong(
      'publicKey',
      'is another key than that of the request',
      'have the issuer sign the request, not make a key of its own',
    )
  checkNames(extensions, request)
  checkUses(leaf, request)
  checkLife(leaf, request.lifeMs, now)
  return checkChain(answer, request, bundle, now)
}

function checkNames({ names }: ParsedExtensions, { names: asked }: Pick<CertificateRequest, 'names'>): void {
  const { uris, dns, others } = names
  if ('dnsNames' in asked) {
    const without = asked.dnsNames.find((name) => !dns.includes(name))
    if (without !== undefined)
      throw wrong(
        'subjectAltName',
        `has no DNS name ${without}`,
        'let the issuer certify the DNS names of the control plane and of the webhook',
      )
    return
  }
  const { spiffeId } = asked
  const all = [...uris, ...dns.map((name) => `DNS ${name}`), ...others]
  if (uris.length === 0)
    throw wrong(
      'subjectAltName',
      `has no URI, and ${spiffeId} was asked for`,
      'let the issuer certify URIs that begin with spiffe://',
    )
  const other = all.find((name) => name !== spiffeId)
  if (other !== undefined || all.length > 1)
    throw wrong(
      'subjectAltName',
      other === undefined ? `has ${spiffeId} twice` : `has ${quote(other)}, and ${spiffeId} was asked for`,
      'have the issuer certify the name of the request and no other',
    )
}

function checkUses(leaf: X509Certificate, { names }: Pick<CertificateRequest, 'names'>): void {
  const { extKeyUsage } = readable(() => caLimits(leaf))
  if (extKeyUsage.length === 0) return
  const needed = {
    'server auth': Oid.serverAuth,
    ...('spiffeId' in names && { 'client auth': Oid.clientAuth }),
  }
  for (const [use, id] of Object.entries(needed))
    if (!extKeyUsage.includes(id))
      throw wrong('extKeyUsage', `lacks "${use}"`, `have the issuer allow "${use}"`)
}

function checkLife(leaf: X509Certificate, lifeMs: number, now: number): void {
  const from = leaf.validFromDate.getTime()
  const to = leaf.validToDate.getTime()
  if (to <= now)
    throw wrong('notAfter', `is over since ${leaf.validToDate.toISOString()}`, 'compare the clocks')
  if (from > now)
    throw wrong('notBefore', `is only at ${leaf.validFromDate.toISOString()}`, 'compare the clocks')
  const most = lifeMs + Math.max(LIFE_SLACK_MS, lifeMs * LIFE_SLACK_SHARE)
  const seconds = Math.round(lifeMs / 1000)
  if (to - now > most)
    throw wrong(
      'notAfter',
      `is at ${leaf.validToDate.toISOString()}, and ${seconds} s were asked for`,
      'have the issuer keep to what it is asked for, or raise --certificate-hours (24 at most)',
    )
  if (to - now < lifeMs * LEAST_LIFE_SHARE)
    throw wrong(
      'notAfter',
      `is at ${leaf.validToDate.toISOString()}, and ${seconds} s were asked for`,
      'raise the longest life that the issuer gives, or renew its CA',
    )
}

function checkChain(
  answer: readonly X509Certificate[],
  { names }: Pick<CertificateRequest, 'names'>,
  bundle: TrustBundle,
  now: number,
): readonly X509Certificate[] {
  const path = pathToRoot(answer, bundle.roots)
  if (!path)
    throw wrong(
      'chain',
      `leads to no root of the trust bundle (${bundle.roots.map(nameOf).join(', ')})`,
      'put the root of the issuing CA into the bundle, and have the issuer answer with what is between',
    )
  const root = path[path.length - 1]
  // Node's TLS trusts no chain that ends before a self-signed certificate.
  if (root && !isSelfSigned(root))
    throw wrong('chain', `ends at ${nameOf(root)}, which is no root`, 'put the root above it into the bundle')
  const below = {
    now,
    trustDomain: 'spiffeId' in names ? parseSpiffeId(names.spiffeId).trustDomain : undefined,
    dnsNames: 'dnsNames' in names ? names.dnsNames : [],
  }
  for (const [between, ca] of path.slice(1).entries()) {
    const problem = caProblem(ca, between, below)
    if (problem) throw wrong('chain', problem.message, 'replace that CA, or have another one sign')
  }
  return path.slice(0, -1)
}

/** The platform reads more than strict DER. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw wrong('certificate', `cannot be read: ${describeError(error)}`, 'see what the issuer logs')
  }
}

function nameOf(certificate: X509Certificate): string {
  return `"${oneLineName(certificate.subject)}"`
}

function wrong(field: string, problem: string, remedy: string): WeftError {
  return new WeftError('issuer.wrong_answer', `${problem}: ${remedy}`, { field })
}
