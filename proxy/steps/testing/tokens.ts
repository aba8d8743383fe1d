import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** A key of an issuer, made for a test. */
export interface IssuerKey {
  readonly id: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** As it stands in a JWK Set. */
  readonly jwk: Readonly<Record<string, unknown>>
}

export type Claims = Readonly<Record<string, unknown>>

export function rsaKey(id: string, modulusLength = 2048): IssuerKey {
  return issuerKey(id, generateKeyPairSync('rsa', { modulusLength }))
}

export function ecKey(id: string, namedCurve = 'P-256'): IssuerKey {
  return issuerKey(id, generateKeyPairSync('ec', { namedCurve }))
}

export function edKey(id: string): IssuerKey {
  return issuerKey(id, generateKeyPairSync('ed25519'))
}

function issuerKey(id: string, keys: { privateKey: KeyObject; publicKey: KeyObject }): IssuerKey {
  return { id, ...keys, jwk: { ...keys.publicKey.export({ format: 'jwk' }), kid: id, use: 'sig' } }
}

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Any token at all, also one that no library would make: `claims` may be text that stands for them. */
export function signed(
  key: IssuerKey,
  claims: Claims | string,
  header: Readonly<Record<string, unknown>> = {},
): string {
  const whole: Readonly<Record<string, unknown>> = { alg: 'RS256', kid: key.id, ...header }
  const text = `${base64(whole)}.${base64(claims)}`
  return `${text}.${signature(String(whole['alg']), key, text)}`
}

function signature(algorithm: string, { privateKey, publicKey }: IssuerKey, text: string): string {
  const hash = `sha${algorithm.slice(2)}`
  const bytes = Buffer.from(text)
  switch (algorithm.slice(0, 2)) {
    case 'RS':
      return sign(hash, bytes, privateKey).toString('base64url')
    case 'PS':
      // crypto.constants.RSA_PKCS1_PSS_PADDING and RSA_PSS_SALTLEN_DIGEST.
      return sign(hash, bytes, { key: privateKey, padding: 6, saltLength: -1 }).toString('base64url')
    case 'ES':
      return sign(hash, bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    case 'Ed':
      return sign(null, bytes, privateKey).toString('base64url')
    case 'HS':
      // The mistake of verifiers: the public key taken for a shared secret.
      return createHmac(hash, publicKey.export({ type: 'spki', format: 'pem' }))
        .update(text)
        .digest('base64url')
    default:
      return ''
  }
}
