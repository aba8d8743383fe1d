import type { KeyObject, X509Certificate } from 'node:crypto'
import { describeError, WeftError } from '../core/errors.ts'
import { certificateExtensionsOf } from './parsed-extensions.ts'
import { caProblem } from './ca-problem.ts'
import { isSelfSigned, pathToRoot } from './chain.ts'
import type { Authority } from './authority.ts'
import { parsePrivateKey, weakKey } from './key.ts'
import { oneLineName, quote } from './printable.ts'
import { parseCertificates, trustBundle } from './trust-bundle.ts'

/** A CA that somebody else made and renews, as cert-manager lays it out in a Secret. PEM texts. */
export interface IssuerFiles {
  /** The issuing CA first, then what is between it and its root. */
  readonly 'tls.crt': string
  readonly 'tls.key': string
  /** The roots that workloads trust; may be missing where tls.crt is a root. */
  readonly 'ca.crt': string | undefined
}

export interface IssuerRules {
  readonly trustDomain: string
  /** Other names of it, any of which a CA may bear. */
  readonly aliases?: readonly string[] | undefined
  /** Of servers that will get a certificate. */
  readonly dnsNames: readonly string[]
  /** Milliseconds. */
  readonly now: number
  /** For messages, e.g. `Secret weft-system/weft-ca`. */
  readonly source: string
}

/**
 * The authority that signs with a given CA. Whatever would make its certificates fail at a peer is refused here:
 * WeftError `issuer.*` with the file as its field.
 */
export function readIssuer(files: IssuerFiles, rules: IssuerRules): Authority {
  const { trustDomain, now, source } = rules
  const [certificate, ...between] = certificatesOf(files['tls.crt'], 'tls.crt', source)
  if (!certificate) throw refuse('malformed', source, 'tls.crt', 'holds no certificate')
  const key = keyOf(files['tls.key'], certificate, source)
  requireUsable(certificate, rules)
  const roots = rootsOf(files['ca.crt'], certificate, source)
  const path = pathToRoot([certificate, ...between], roots)
  if (!path) {
    const message =
      'no certificate of ca.crt has signed it: put its root into ca.crt, and what is between into tls.crt'
    throw refuse('no_root', source, 'tls.crt', message)
  }
  const root = path[path.length - 1]
  if (root && !isSelfSigned(root)) {
    // Node's TLS trusts no chain that ends before a self-signed certificate.
    const message = `${nameOf(root)} is no root: put the self-signed certificate above it into ca.crt`
    throw refuse('no_root', source, 'ca.crt', message)
  }
  for (const [below, ca] of path.entries()) {
    const problem = caProblem(ca, below, rules)
    if (problem)
      throw refuse(problem.code, source, below === 0 ? 'tls.crt' : 'tls.crt, ca.crt', problem.message)
  }
  const chain = path.filter((one) => !isSelfSigned(one))
  // Of several roots those that ended are of no use; the one in use was checked.
  const alive = roots.filter((root) => path.includes(root) || now < root.validToDate.getTime())
  return {
    trustDomain,
    credentials: { certificate, key, chain },
    bundle: trustBundle(alive, `${source}: ca.crt`),
  }
}

function certificatesOf(pem: string, file: string, source: string): X509Certificate[] {
  try {
    return parseCertificates(pem, file)
  } catch (error) {
    throw refuse('malformed', source, file, describeError(error))
  }
}

function keyOf(pem: string, certificate: X509Certificate, source: string): KeyObject {
  let key: KeyObject
  try {
    key = parsePrivateKey(pem, 'tls.key')
  } catch (error) {
    throw refuse('malformed', source, 'tls.key', describeError(error))
  }
  if (key.asymmetricKeyType !== 'ec') {
    const type = (key.asymmetricKeyType ?? 'unknown').toUpperCase()
    const message = `is a key of type ${type}; Weft signs with ECDSA: make the CA with a P-256 key (in a cert-manager Certificate privateKey: {algorithm: ECDSA, size: 256})`
    throw refuse('key_type', source, 'tls.key', message)
  }
  const weak = weakKey(key)
  if (weak) throw refuse('key_type', source, 'tls.key', weak)
  if (!certificate.checkPrivateKey(key)) {
    throw refuse('key_mismatch', source, 'tls.key', 'is not the key of the first certificate of tls.crt')
  }
  return key
}

function requireUsable(certificate: X509Certificate, rules: IssuerRules): void {
  const { source, trustDomain } = rules
  const { ca, names } = readable(certificate, source, () => certificateExtensionsOf(certificate))
  if (!ca) {
    const message = `${nameOf(certificate)} is no CA (a cert-manager Certificate needs isCA: true)`
    throw refuse('not_a_ca', source, 'tls.crt', message)
  }
  const uris = names.uris.filter((uri) => uri.startsWith('spiffe://'))
  const own = [trustDomain, ...(rules.aliases ?? [])].map((domain) => `spiffe://${domain}`)
  const other = uris.find((uri) => !own.includes(uri))
  // X509-SVID section 3.2: a signing certificate's ID is its trust domain.
  if (other !== undefined) {
    const message = `${nameOf(certificate)} is of ${quote(other)}, not of trust domain ${trustDomain}`
    throw refuse('trust_domain', source, 'tls.crt', message)
  }
}

function rootsOf(pem: string | undefined, certificate: X509Certificate, source: string): X509Certificate[] {
  if (pem !== undefined && pem.trim() !== '') return certificatesOf(pem, 'ca.crt', source)
  if (isSelfSigned(certificate)) return [certificate]
  throw refuse('no_root', source, 'ca.crt', 'is missing: it must hold the root that tls.crt leads to')
}

/** The platform reads more than strict DER. */
function readable<T>(certificate: X509Certificate, source: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw refuse('malformed', source, 'tls.crt, ca.crt', `${nameOf(certificate)}: ${describeError(error)}`)
  }
}

function nameOf(certificate: X509Certificate): string {
  return `certificate "${oneLineName(certificate.subject)}"`
}

function refuse(code: string, source: string, file: string, problem: string): WeftError {
  return new WeftError(`issuer.${code}`, problem, { field: `${source}: ${file}` })
}
