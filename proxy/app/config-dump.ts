import { X509Certificate } from 'node:crypto'
import { parseCertificates } from '../../certs/trust-bundle.ts'
import type { Watchable } from '../../core/watched.ts'
import { Cluster, Listener, type Bootstrap } from '../../core/xds/generated/envoy.js'
import { readable, readableAny } from '../../core/xds/readable.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'
import type { ResourceKind } from '../xds/decode.ts'
import type { ResourceTable } from '../xds/resource-table.ts'

/** What is in force, as Envoy's messages in JSON, by the names of Envoy's API; private keys are left out. */
export function configDump(table: ResourceTable): unknown {
  const held = (kind: ResourceKind): unknown => table.held(kind).map(({ resource }) => readableAny(resource))
  return {
    version: table.version,
    listeners: held('listener'),
    routes: held('route'),
    clusters: held('cluster'),
    endpoints: held('endpoints'),
    absent: { listeners: table.absent('listener'), clusters: table.absent('cluster') },
  }
}

/** The same of a bootstrap file, which holds its routes in its listeners and its endpoints in its clusters. */
export function bootstrapDump(bootstrap: Bootstrap): unknown {
  const { listeners = [], clusters = [] } = bootstrap.staticResources ?? {}
  return {
    version: 'static',
    listeners: listeners.map((listener) => readable(Listener, listener)),
    routes: [],
    clusters: clusters.map((cluster) => readable(Cluster, cluster)),
    endpoints: [],
  }
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
