import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PUBLIC_KEY_FILE, openTokenIssuer } from '../../control-plane/serve/tokens/issuer.ts'
import type { IssueToken } from '../pod/volumes.ts'

/**
 * Signs service account tokens by a key in `directory`. Only its public half goes to `publicDirectory`, which
 * is all that the control plane gets.
 */
export async function tokenIssuer(directory: string, publicDirectory: string): Promise<IssueToken> {
  const issuer = await openTokenIssuer({ directory })
  await mkdir(publicDirectory, { recursive: true })
  await copyFile(join(directory, PUBLIC_KEY_FILE), join(publicDirectory, PUBLIC_KEY_FILE))
  return ({ namespace, serviceAccount, pod, audience, expirySeconds }) =>
    issuer.mint(
      // Service accounts have no life of their own here, so their names tell them apart.
      { namespace, serviceAccount: { name: serviceAccount, uid: `${namespace}/${serviceAccount}` }, pod },
      { audience, ttlMs: expirySeconds * 1000 },
    )
}
