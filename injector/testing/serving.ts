import { createPublicKey } from 'node:crypto'
import { createRoot, issueServer } from '../../certs/authority.ts'
import type { CaCredentials } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import type { ServingCertificate } from '../../core/serving-certificate.ts'

export const SERVER_NAME = 'weft-injector.weft-system.svc'

/** A CA for a test, and serving certificates of it; each has a serial number of its own. */
export function testAuthority(): { caPem: string; serving(): ServingCertificate } {
  const root: CaCredentials = createRoot('cluster.local', Date.now())
  return {
    caPem: root.certificate.toString(),
    serving() {
      const key = generateKey()
      const { chain } = issueServer(root, {
        dnsNames: [SERVER_NAME],
        publicKey: createPublicKey(key),
        now: Date.now(),
      })
      return {
        certPem: chain.map((certificate) => certificate.toString()).join(''),
        keyPem: privateKeyPem(key),
      }
    },
  }
}
