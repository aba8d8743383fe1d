import { X509Certificate } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { oneLineName } from './printable.ts'

/** Roots that are trusted together, so that an old and a new one can overlap. Never empty, no root twice. */
export interface TrustBundle {
  readonly roots: readonly X509Certificate[]
  readonly pem: string
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g
const MOST_ROOTS = 64

/** Throws WeftError `bundle.*`, naming `source` (a file, a message) and which certificate is wrong. */
export function parseTrustBundle(pem: string, source: string): TrustBundle {
  return trustBundle(parseCertificates(pem, source), source)
}

/** Certificates of a PEM text in their order. Text between the blocks is ignored, as everywhere in PEM. */
export function parseCertificates(pem: string, source: string): X509Certificate[] {
  const blocks = [...pem.matchAll(BLOCK)]
  const begins = pem.split('-----BEGIN ').length - 1
  if (blocks.length !== begins) {
    throw new WeftError(
      'bundle.malformed',
      `${source}: PEM block ${blocks.length + 1} of ${begins} is cut or damaged`,
    )
  }
  if (blocks.length === 0) throw new WeftError('bundle.empty', `${source} holds no certificate in PEM`)
  return blocks.map(([block, label], index) => {
    if (label !== 'CERTIFICATE') {
      throw new WeftError(
        'bundle.malformed',
        `${source}: PEM block ${index + 1} is a ${label}, not a CERTIFICATE`,
      )
    }
    return parseCertificate(block, `${source}: certificate ${index + 1}`)
  })
}

/** One certificate, PEM or DER. Throws WeftError `bundle.malformed` naming `source`. */
export function parseCertificate(input: string | Uint8Array, source: string): X509Certificate {
  try {
    return new X509Certificate(input)
  } catch {
    throw new WeftError('bundle.malformed', `${source} cannot be read as an X.509 certificate`)
  }
}

/** Checks that each is a CA, drops repeated ones, keeps the order. */
export function trustBundle(certificates: readonly X509Certificate[], source: string): TrustBundle {
  const roots = new Map<string, X509Certificate>()
  for (const [index, certificate] of certificates.entries()) {
    if (!certificate.ca) {
      throw new WeftError(
        'bundle.not_a_ca',
        `${source}: certificate ${index + 1} (${oneLineName(certificate.subject)}) is not a CA and cannot be a root`,
      )
    }
    roots.set(certificate.fingerprint256, certificate)
  }
  if (roots.size === 0) throw new WeftError('bundle.empty', `${source} holds no root certificate`)
  if (roots.size > MOST_ROOTS) {
    throw new WeftError(
      'bundle.too_many',
      `${source} holds ${roots.size} roots, at most ${MOST_ROOTS} are accepted`,
    )
  }
  const list = [...roots.values()]
  return Object.freeze({ roots: Object.freeze(list), pem: certificatesPem(list) })
}

/** Union, in order of first mention. */
export function mergeBundles(...bundles: readonly TrustBundle[]): TrustBundle {
  return trustBundle(
    bundles.flatMap((bundle) => bundle.roots),
    'merged trust bundle',
  )
}

/** Order does not matter. */
export function sameBundle(a: TrustBundle, b: TrustBundle): boolean {
  if (a.roots.length !== b.roots.length) return false
  const known = new Set(a.roots.map((root) => root.fingerprint256))
  return b.roots.every((root) => known.has(root.fingerprint256))
}

export function certificatesPem(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('')
}
