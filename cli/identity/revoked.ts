import { createHash, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { parseCertificates } from '../../certs/trust-bundle.ts'
import { parseSpiffeId, workloadId, workloadOf } from '../../certs/spiffe-id.ts'
import { WeftError } from '../../core/errors.ts'
import { normalFingerprint, normalSerial } from '../../core/mesh-trust.ts'

/** What one revocation is of, with the name that its object has. */
export interface Revoked {
  readonly name: string
  /** As people read it. */
  readonly title: string
  readonly spec: {
    readonly identities?: readonly string[]
    readonly certificates?: readonly { readonly serial?: string; readonly sha256?: string }[]
  }
}

const HEX = /^(?:[0-9a-fA-F]+|(?:[0-9a-fA-F]{2}:)+[0-9a-fA-F]{2})$/
const SERIAL_DIGITS = 40
const SHA256_DIGITS = 64

/** Of `shop/web` or a SPIFFE ID. Throws WeftError `cli.flags`, `spiffe_id.*`. */
export function revokedIdentity(text: string, trustDomain: string): Revoked {
  const id = text.startsWith('spiffe://') ? text : idOf(text, trustDomain)
  const parsed = parseSpiffeId(id, 'IDENTITY')
  if (parsed.path === '')
    throw new WeftError('cli.flags', `${id} names a trust domain, not a workload`, { field: 'IDENTITY' })
  const workload = workloadOf(parsed)
  const own = parsed.trustDomain === trustDomain && workload
  const name = own ? `${workload.namespace}.${workload.serviceAccount}` : `id-${digestOf(id)}`
  return { name, title: id, spec: { identities: [id] } }
}

function idOf(text: string, trustDomain: string): string {
  const [namespace, serviceAccount, ...more] = text.split('/')
  if (!namespace || !serviceAccount || more.length > 0)
    throw new WeftError('cli.flags', `"${text}" is neither NAMESPACE/SERVICEACCOUNT nor a SPIFFE ID`, {
      field: 'IDENTITY',
    })
  return workloadId(trustDomain, namespace, serviceAccount)
}

/** Of a serial number, a fingerprint or a file. Throws WeftError `cli.flags`, `bundle.*`. */
export function revokedCertificate(text: string): Revoked {
  if (existsSync(text)) {
    const [certificate] = parseCertificates(readFileSync(text, 'utf8'), text)
    return ofFingerprint(normalFingerprint((certificate as X509Certificate).fingerprint256))
  }
  const digits = text.replaceAll(':', '')
  if (!HEX.test(text) || (digits.length > SERIAL_DIGITS && digits.length !== SHA256_DIGITS))
    throw new WeftError(
      'cli.flags',
      `"${text}" is no file that is there, no serial number and no SHA-256 fingerprint in hexadecimal`,
      { field: '--certificate' },
    )
  if (digits.length === SHA256_DIGITS) return ofFingerprint(normalFingerprint(text))
  const serial = normalSerial(text)
  return { name: `serial-${serial}`, title: `serial ${serial}`, spec: { certificates: [{ serial }] } }
}

function ofFingerprint(sha256: string): Revoked {
  return { name: `sha256-${sha256}`, title: `sha256 ${sha256}`, spec: { certificates: [{ sha256 }] } }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
