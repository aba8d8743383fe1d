import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { fromDer, items, Tag, wholeBits } from './der.ts'

/** A fresh P-256 key. It takes 0.1 ms, so that every certificate gets a key of its own. */
export function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
}

/** PKCS #8 text, for a file of mode 0600 and nothing else. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' })
}

/** Throws WeftError `key.malformed` naming `source`; what OpenSSL says of the content is not repeated. */
export function parsePrivateKey(pem: string, source: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new WeftError('key.malformed', `${source} holds no private key in PEM that can be read`)
  }
}

/** SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of a public or private key. */
export function spkiDer(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

/** Key identifier of RFC 7093 section 2, method 1: leftmost 160 bits of the SHA-256 of the key's bits. */
export function keyIdentifier(spki: Uint8Array): Buffer {
  const key = wholeBits(items(fromDer(spki, 'public key'), Tag.SEQUENCE, 'public key')[1], 'public key')
  return createHash('sha256').update(key).digest().subarray(0, 20)
}

/** What is wrong with a key that somebody wants certified or used, or undefined. */
export function weakKey(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1' || namedCurve === 'secp384r1') return undefined
    return `the curve ${namedCurve ?? 'without a name'} is not accepted: use P-256 or P-384`
  }
  if (key.asymmetricKeyType === 'rsa') {
    if (!modulusLength || modulusLength < 2048)
      return `an RSA key of ${modulusLength ?? 0} bits is too weak: use P-256`
    // Checking a signature of a huge key would cost whoever signs.
    if (modulusLength > 8192) return `an RSA key of ${modulusLength} bits is too large: use P-256`
    return undefined
  }
  return `keys of type ${key.asymmetricKeyType ?? 'unknown'} are not accepted: use P-256`
}
