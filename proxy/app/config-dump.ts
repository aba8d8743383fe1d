import { X509Certificate } from 'node:crypto'
import { parseCertificates } from '../../certs/trust-bundle.ts'
import type { Watchable } from '../../core/watched.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'
import type { ResourceTable } from '../xds/resource-table.ts'

/** What is in force, in the runtime's own form; keys and certificates given inline are left out. */
export function configDump(table: ResourceTable): unknown {
  return {
    version: table.version,
    listeners: readable(table.values('listener')),
    routes: readable(table.values('route')),
    clusters: readable(table.values('cluster')),
    endpoints: readable(table.values('endpoints')),
    absent: { listeners: table.absent('listener'), clusters: table.absent('cluster') },
  }
}

/** JSON with regular expressions as text and without private keys. */
export function readable(value: unknown): unknown {
  const text = JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'privateKeyPem') return '[redacted]'
    return inner instanceof RegExp ? inner.source : inner
  })
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}

/** The workload's chain and whom it trusts: names, serials and times. */
export function certificates(secrets: Watchable<WorkloadSecrets | undefined>): unknown {
  const now = secrets.value
  if (!now) return { spiffeId: '', chain: [], trustBundle: [] }
  return {
    spiffeId: now.spiffeId,
    chain: parseCertificates(now.certificatePem, 'certificate').map(summary),
    trustBundle: parseCertificates(now.bundlePem, 'trust bundle').map(summary),
  }
}

function summary(certificate: X509Certificate): unknown {
  return {
    subject: certificate.subject,
    subjectAltName: certificate.subjectAltName,
    serialNumber: certificate.serialNumber,
    validFrom: new Date(certificate.validFrom).toISOString(),
    validTo: new Date(certificate.validTo).toISOString(),
    fingerprint256: certificate.fingerprint256,
  }
}
