import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { buildCertificate, distinguishedName } from './certificate.ts'
import { fromDer, items, sequence, Tag, type Asn1 } from './der.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
  type AltNames,
} from './extensions.ts'
import { generateKey, keyIdentifier, spkiDer } from './key.ts'
import { Oid } from './oids.ts'
import { certificateExtensionsOf } from './parsed-extensions.ts'
import { oneLineName, quote } from './printable.ts'
import { checkTrustDomain, parseSpiffeId } from './spiffe-id.ts'
import type { TrustBundle } from './trust-bundle.ts'

/** A CA certificate with its key and the certificates between it and (without) its root. */
export interface CaCredentials {
  readonly certificate: X509Certificate
  readonly key: KeyObject
  /** What a peer needs besides the leaf: [] for a root, [issuing] below one. */
  readonly chain: readonly X509Certificate[]
}

/** What certificates are signed with now, and what workloads should trust. Replaced as a whole. */
export interface Authority {
  readonly trustDomain: string
  readonly credentials: CaCredentials
  readonly bundle: TrustBundle
}

export interface IssuedCertificate {
  readonly certificate: X509Certificate
  /** Leaf first, without the root: what a TLS peer is shown. */
  readonly chain: readonly X509Certificate[]
}

/** Milliseconds. */
export const DAY = 24 * 60 * 60 * 1000
export const LEAF_LIFE = DAY
const LONGEST_BACKDATING = 5 * 60 * 1000

/** A new self-signed root. `now` and `lifeMs` in milliseconds; ten years by default. */
export function createRoot(trustDomain: string, now: number, lifeMs = 3650 * DAY): CaCredentials {
  const key = generateKey()
  const content = caContent(trustDomain, 'root', key, now, now + lifeMs)
  const certificate = buildCertificate(
    {
      ...content,
      issuer: content.subject,
      extensions: [basicConstraints(1), ...content.extensions, authorityKeyIdentifier(content.id)],
    },
    key,
  )
  return { certificate, key, chain: [] }
}

/** A new issuing CA below a root; one year by default, never longer than the root. */
export function createIssuing(
  root: CaCredentials,
  trustDomain: string,
  now: number,
  lifeMs = 365 * DAY,
): CaCredentials {
  const key = generateKey()
  const notAfter = Math.min(now + lifeMs, root.certificate.validToDate.getTime())
  const content = caContent(trustDomain, 'issuing', key, now, notAfter)
  const certificate = buildCertificate(
    {
      ...content,
      issuer: subjectOf(root.certificate),
      extensions: [
        basicConstraints(0),
        ...content.extensions,
        authorityKeyIdentifier(keyIdOf(root.certificate)),
      ],
    },
    root.key,
  )
  return { certificate, key, chain: [certificate] }
}

/**
 * A workload's certificate: an X509-SVID with this SPIFFE ID as its only name. It begins a little in the past for
 * peers whose clocks are behind, and ends with its CA at the latest. Throws WeftError `ca.*`, `spiffe_id.*`.
 */
export function issueWorkload(
  ca: CaCredentials,
  request: { spiffeId: string; publicKey: KeyObject; now: number; lifeMs?: number },
): IssuedCertificate {
  if (parseSpiffeId(request.spiffeId).path === '') {
    throw new WeftError('ca.root_path', `${request.spiffeId} names a trust domain: no leaf is issued for it`)
  }
  return issueLeaf(ca, {
    ...request,
    names: { uri: [request.spiffeId] },
    uses: [Oid.serverAuth, Oid.clientAuth],
  })
}

/** A server's certificate for DNS names, for the control plane and the webhook. */
export function issueServer(
  ca: CaCredentials,
  request: { dnsNames: readonly string[]; publicKey: KeyObject; now: number; lifeMs?: number },
): IssuedCertificate {
  const { dnsNames } = request
  if (dnsNames.length === 0)
    throw new WeftError('ca.no_name', 'a server certificate needs at least one DNS name')
  for (const name of dnsNames) {
    if (!DNS_NAME.test(name) || name.length > 253) {
      throw new WeftError('ca.dns_name', `${quote(name)} is not a DNS name`)
    }
  }
  return issueLeaf(ca, { ...request, names: { dns: dnsNames }, uses: [Oid.serverAuth] })
}

const DNS_NAME = /^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

interface LeafRequest {
  names: AltNames
  uses: string[]
  publicKey: KeyObject
  now: number
  lifeMs?: number
}

function issueLeaf(ca: CaCredentials, request: LeafRequest): IssuedCertificate {
  const { now, lifeMs = LEAF_LIFE } = request
  const end = ca.certificate.validToDate.getTime()
  if (now >= end) {
    throw new WeftError(
      'ca.expired',
      `the CA certificate (${oneLineName(ca.certificate.subject)}) expired at ${new Date(end).toISOString()}: rotate it`,
    )
  }
  const spki = spkiDer(request.publicKey)
  const certificate = buildCertificate(
    {
      issuer: subjectOf(ca.certificate),
      subject: sequence(),
      spki,
      notBefore: Math.max(now - backdating(lifeMs), ca.certificate.validFromDate.getTime()),
      notAfter: Math.min(now + lifeMs, end),
      extensions: [
        basicConstraints(undefined),
        keyUsage('digitalSignature'),
        extKeyUsage(...request.uses),
        subjectKeyIdentifier(keyIdentifier(spki)),
        authorityKeyIdentifier(keyIdOf(ca.certificate)),
        subjectAltName(request.names, true),
      ],
    },
    ca.key,
  )
  return { certificate, chain: [certificate, ...ca.chain] }
}

/** A tenth of the life at most: half-life of a certificate that lives for seconds must not lie in the past. */
function backdating(lifeMs: number): number {
  return Math.min(LONGEST_BACKDATING, lifeMs / 10)
}

function caContent(trustDomain: string, role: string, key: KeyObject, now: number, notAfter: number) {
  checkTrustDomain(trustDomain)
  const spki = spkiDer(createPublicKey(key))
  const id = keyIdentifier(spki)
  // Roots that overlap need names of their own: path building looks at the name first.
  const subject = distinguishedName([
    [Oid.organizationName, 'Weft'],
    [Oid.commonName, `Weft ${role} CA`],
    [Oid.serialNumber, id.toString('hex')],
  ])
  return {
    subject,
    spki,
    id,
    notBefore: now - backdating(notAfter - now),
    notAfter,
    // X509-SVID section 3.2: a signing certificate's ID, if it has one, is its trust domain.
    extensions: [
      keyUsage('certSign'),
      subjectKeyIdentifier(id),
      subjectAltName({ uri: [`spiffe://${trustDomain}`] }, false),
    ],
  }
}

/** As the CA itself says it (RFC 5280 section 4.2.1.1): others than ours derive it in another way. */
function keyIdOf(ca: X509Certificate): Uint8Array {
  return certificateExtensionsOf(ca).subjectKeyId ?? keyIdentifier(spkiDer(ca.publicKey))
}

/** The name of a CA exactly as its certificate has it: an issuer must repeat it byte for byte. */
export function subjectOf(certificate: X509Certificate): Asn1 {
  const [tbs] = items(fromDer(certificate.raw, 'certificate'), Tag.SEQUENCE, 'certificate')
  // [0] version, serial, algorithm, issuer, validity, subject: a CA certificate is always version 3.
  return items(tbs, Tag.SEQUENCE, 'tbsCertificate')[5] as Asn1
}

/** They sign with the same certificate and trust the same roots. */
export function sameAuthority(a: Authority, b: Authority): boolean {
  return (
    a.bundle.pem === b.bundle.pem &&
    a.credentials.certificate.fingerprint256 === b.credentials.certificate.fingerprint256
  )
}
