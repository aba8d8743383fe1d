import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { createIssuing, createRoot, DAY, subjectOf, type CaCredentials } from '../../../certs/authority.ts'
import { buildCertificate } from '../../../certs/certificate.ts'
import { createCsr } from '../../../certs/csr.ts'
import { sequence } from '../../../certs/der.ts'
import { basicConstraints, extKeyUsage, subjectAltName, type AltNames } from '../../../certs/extensions.ts'
import { generateKey, spkiDer } from '../../../certs/key.ts'
import { Oid } from '../../../certs/oids.ts'
import type { CertificateRequest } from '../issuer.ts'

export const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

/** A request of a workload, as the signing service hands it on. */
export function workloadRequest(workload = 'web', lifeMs = DAY): CertificateRequest & { key: KeyObject } {
  const key = generateKey()
  const spiffeId = `spiffe://cluster.local/ns/shop/sa/${workload}`
  return {
    key,
    csr: createCsr(key, { uri: [spiffeId] }),
    csrNames: { uris: [spiffeId], dns: [], others: [] },
    publicKey: createPublicKey(key),
    names: { spiffeId },
    lifeMs,
    asker: { source: 'shop', subject: workload },
  }
}

export interface Made extends AltNames {
  readonly publicKey?: KeyObject
  readonly from?: number
  readonly to?: number
  readonly ca?: boolean
  readonly uses?: readonly string[]
}

/** A program's CA, root and intermediate, that certifies whatever it is told to. */
export class AnyCa {
  readonly root: CaCredentials
  readonly issuing: CaCredentials

  constructor(now: number) {
    this.root = createRoot('cluster.local', now)
    this.issuing = createIssuing(this.root, 'cluster.local', now)
  }

  /** Leaf and intermediate. `now` is the moment of the request; milliseconds. */
  answer(request: CertificateRequest, now: number, made: Made = {}, by = this.issuing): X509Certificate[] {
    const { from = now - 1000, to = now + request.lifeMs, uses = [Oid.serverAuth, Oid.clientAuth] } = made
    const { names } = request
    const own: AltNames = 'spiffeId' in names ? { uri: [names.spiffeId] } : { dns: names.dnsNames }
    const given: AltNames = made.uri || made.dns ? made : own
    const leaf = buildCertificate(
      {
        issuer: subjectOf(by.certificate),
        subject: sequence(),
        spki: spkiDer(made.publicKey ?? request.publicKey),
        notBefore: from,
        notAfter: to,
        extensions: [
          basicConstraints(made.ca ? 0 : undefined),
          ...(uses.length > 0 ? [extKeyUsage(...uses)] : []),
          ...((given.uri ?? given.dns ?? []).length > 0 ? [subjectAltName(given, true)] : []),
        ],
      },
      by.key,
    )
    return [leaf, ...by.chain]
  }
}
