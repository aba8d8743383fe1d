import { createPublicKey } from 'node:crypto'
import { createRoot, issueWorkload, type CaCredentials } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { peerIdentity } from '../../certs/peer.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import type { ReadSpiffeId } from '../transport/peer-identity.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'

export function newRoot(): CaCredentials {
  return createRoot('cluster.local', Date.now())
}

/** Certificate and key of a workload of namespace `shop`, for one test. */
export function secretsOf(root: CaCredentials, serviceAccount: string): WorkloadSecrets {
  return secretsFor(root, `spiffe://cluster.local/ns/shop/sa/${serviceAccount}`)
}

/** The same for any identity. */
export function secretsFor(root: CaCredentials, spiffeId: string): WorkloadSecrets {
  const key = generateKey()
  const { certificate, chain } = issueWorkload(root, {
    spiffeId,
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  return {
    certificatePem: certificatesPem(chain.includes(certificate) ? chain : [certificate, ...chain]),
    privateKeyPem: privateKeyPem(key),
    bundlePem: certificatesPem([root.certificate]),
    spiffeId,
  }
}

export const readSpiffeId: ReadSpiffeId = (socket) => {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return { ok: false, reason: 'the peer showed no certificate' }
  const peer = peerIdentity(certificate, { trustDomain: 'cluster.local', now: Date.now() })
  return peer.ok ? { ok: true, id: peer.spiffeId } : { ok: false, reason: peer.detail }
}
