import { createPublicKey, type KeyObject } from 'node:crypto'
import { createCsr } from '../../certs/csr.ts'
import { generateKey } from '../../certs/key.ts'
import type { Issuer, SignedCertificate } from './issuer.ts'

/** A key of its own for a server of the mesh's own (the control plane, the webhook), and its certificate. Throws as `sign`. */
export async function certifiedServer(
  issuer: Issuer,
  dnsNames: readonly string[],
  lifeMs: number,
  signal: AbortSignal,
): Promise<SignedCertificate & { readonly key: KeyObject }> {
  const key = generateKey()
  const signed = await issuer.sign(
    {
      csr: createCsr(key, { dns: [...dnsNames] }),
      csrNames: { uris: [], dns: dnsNames, others: [] },
      publicKey: createPublicKey(key),
      names: { dnsNames },
      lifeMs,
      asker: { source: '', subject: dnsNames[0] ?? '' },
    },
    signal,
  )
  return { ...signed, key }
}
