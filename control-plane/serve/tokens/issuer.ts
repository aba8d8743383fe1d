import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { generateKey, parsePrivateKey, privateKeyPem } from '../../../certs/key.ts'
import { createPrivateFile, readTextFile, replacePrivateFile } from '../../../certs/private-file.ts'
import { kubernetesClaim, subjectOf, TOKEN_ISSUER, type TokenSubject } from './claims.ts'

/** File of the public key beside the private one; all that a verifier needs. */
export const PUBLIC_KEY_FILE = 'token-key.pub'
const PRIVATE_KEY_FILE = 'token-key.pem'

/** Makes service account tokens where there is no Kubernetes to make them. */
export interface LocalTokenIssuer {
  readonly publicKey: KeyObject
  /** A JWT like Kubernetes's, valid for `ttlMs` from now. Throws WeftError `token.malformed` for a bad name. */
  mint(subject: TokenSubject, options: { audience: string; ttlMs: number }): Promise<string>
}

/**
 * Opens, or makes on first use, the key in `directory`: `token-key.pem` (mode 0600) and `token-key.pub`.
 * Throws WeftError `token.key_corrupt` or `file.*` naming the file.
 */
export async function openTokenIssuer(options: {
  directory: string
  clock?: Clock
}): Promise<LocalTokenIssuer> {
  const { directory, clock = systemClock } = options
  const path = join(directory, PRIVATE_KEY_FILE)
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  let text = readTextFile(path)
  if (text === undefined) {
    createPrivateFile(path, privateKeyPem(generateKey()))
    text = readTextFile(path) ?? ''
  }
  const key = readKey(text, path)
  const publicKey = createPublicKey(key)
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' })
  const publicPath = join(directory, PUBLIC_KEY_FILE)
  if (readTextFile(publicPath) !== publicPem) replacePrivateFile(publicPath, publicPem, 0o644)
  const kid = await keyId(publicKey)
  return {
    publicKey,
    async mint(subject, { audience, ttlMs }) {
      const seconds = Math.floor(clock.now() / 1000)
      return new SignJWT({ 'kubernetes.io': kubernetesClaim(subject) })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuer(TOKEN_ISSUER)
        .setSubject(subjectOf(subject.namespace, subject.serviceAccount.name))
        .setAudience([audience])
        .setIssuedAt(seconds)
        .setNotBefore(seconds)
        .setExpirationTime(Math.floor((clock.now() + ttlMs) / 1000))
        .sign(key)
    },
  }
}

/** RFC 7638 thumbprint of a P-256 public key. */
export async function keyId(publicKey: KeyObject): Promise<string> {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  return calculateJwkThumbprint({ kty: kty ?? '', crv: crv ?? '', x: x ?? '', y: y ?? '' })
}

function readKey(text: string, path: string): KeyObject {
  try {
    const key = parsePrivateKey(text, path)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch {
    // The next line says it.
  }
  throw new WeftError(
    'token.key_corrupt',
    `${path} holds no P-256 private key: restore it, or remove it to make a new one (tokens of the old one end)`,
  )
}
