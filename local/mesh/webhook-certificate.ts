import { createPublicKey } from 'node:crypto'
import { chown, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { INJECTOR, SYSTEM_NAMESPACE, systemServiceHost } from '../../core/contract.ts'
import { issueServer } from '../../certs/authority.ts'
import type { CaStore } from '../../certs/ca-store.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { INJECTOR_UID } from './system-objects.ts'

export const WEBHOOK_NAME = systemServiceHost(INJECTOR)

/** Issues the webhook's serving certificate and puts it where the injector reads it, again at each call. */
export async function writeWebhookCertificate(ca: CaStore, directory: string): Promise<void> {
  const key = generateKey()
  const { credentials } = ca.authority.value
  const { chain } = issueServer(credentials, {
    dnsNames: [WEBHOOK_NAME, `${INJECTOR}.${SYSTEM_NAMESPACE}`],
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  await replaceFile(join(directory, 'tls.key'), privateKeyPem(key))
  await replaceFile(join(directory, 'tls.crt'), chain.map((certificate) => certificate.toString()).join(''))
}

async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await chown(`${path}.new`, INJECTOR_UID, INJECTOR_UID)
  await rename(`${path}.new`, path)
}
