import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createIssuing,
  createRoot,
  issueServer,
  issueWorkload,
  type IssuedCertificate,
} from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { CLIENT_ID, SERVER_NAME, type CertificateFiles } from './peer.ts'

const TRUST_DOMAIN = 'cluster.local'

/** New certificates as the mesh issues them: P-256, root, issuing CA, and leaves for caller and server. */
export function writeCertificates(folder: string): CertificateFiles {
  const now = Date.now()
  const root = createRoot(TRUST_DOMAIN, now)
  const issuing = createIssuing(root, TRUST_DOMAIN, now)
  const write = (name: string, text: string): string => {
    const path = join(folder, `${name}.pem`)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const leaf = (
    name: string,
    issue: (publicKey: ReturnType<typeof createPublicKey>) => IssuedCertificate,
  ) => {
    const key = generateKey()
    const { chain } = issue(createPublicKey(key))
    return [write(name, certificatesPem(chain)), write(`${name}-key`, privateKeyPem(key))] as const
  }
  const [client, clientKey] = leaf('client', (publicKey) =>
    issueWorkload(issuing, { spiffeId: CLIENT_ID, publicKey, now }),
  )
  const [server, serverKey] = leaf('server', (publicKey) =>
    issueServer(issuing, { dnsNames: [SERVER_NAME], publicKey, now }),
  )
  return { roots: write('roots', certificatesPem([root.certificate])), client, clientKey, server, serverKey }
}
