import { createPublicKey, type webcrypto } from 'node:crypto'

/** Keys that tokens are verified by (RFC 7517). */
export interface KeySet {
  /** A JWK Set of those keys that can verify, with their public members alone; the same text for the same keys. */
  readonly text: string
  readonly count: number
}

/** What is wrong with one key of a set, or with all of it. */
export interface KeyProblem {
  /** Undefined: with the set. */
  readonly at: number | undefined
  readonly message: string
  /** The key is no secret any more. */
  readonly secret?: true
}

/** As a field of a policy, and as an answer over the network. */
export const LONGEST_SET = 64 * 1024
const MOST_KEYS = 100

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** Members that verification takes: no certificates, and no places where others could be had. */
const PUBLIC = ['kty', 'kid', 'use', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const
const CURVES: ReadonlySet<unknown> = new Set(['P-256', 'P-384', 'P-521', 'Ed25519'])
/** Those of sidecars (proxy/steps/tokens/verifier.ts). */
const ALGORITHMS = /^(?:RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA)$/
const LEAST_RSA_BITS = 2048

type Jwk = Readonly<Record<string, unknown>>

/** Reads a JWK Set: the keys that can verify, and what is wrong with the others. */
export function readKeySet(text: string): { readonly set: KeySet; readonly problems: readonly KeyProblem[] } {
  const none: KeySet = { text: '{"keys":[]}', count: 0 }
  const wrong = (message: string) => ({ set: none, problems: [{ at: undefined, message }] })
  if (text.length > LONGEST_SET) return wrong(`has more than ${LONGEST_SET / 1024} KiB`)
  const keys = keysIn(text)
  if (keys === undefined) return wrong('must be a JWK Set, such as {"keys": [{"kty": "RSA", ...}]}')
  if (keys.length > MOST_KEYS) return wrong(`has ${keys.length} keys; at most ${MOST_KEYS}`)
  const problems: KeyProblem[] = []
  const usable: Jwk[] = []
  for (const [at, key] of keys.entries()) {
    const problem = problemOf(key)
    if (problem) problems.push({ at, ...problem })
    else if (forSignatures(key as Jwk))
      usable.push(
        Object.fromEntries(
          PUBLIC.flatMap((name) =>
            typeof (key as Jwk)[name] === 'string' ? [[name, (key as Jwk)[name]]] : [],
          ),
        ),
      )
  }
  return { set: { text: JSON.stringify({ keys: usable }), count: usable.length }, problems }
}

function keysIn(text: string): readonly unknown[] | undefined {
  try {
    const set = JSON.parse(text) as unknown
    const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined
    return Array.isArray(keys) ? (keys as readonly unknown[]) : undefined
  } catch {
    return undefined
  }
}

/** Issuers list keys for encryption, too. */
function forSignatures({ use, alg }: Jwk): boolean {
  return (
    (use === undefined || use === 'sig') &&
    (alg === undefined || (typeof alg === 'string' && ALGORITHMS.test(alg)))
  )
}

function problemOf(key: unknown): Omit<KeyProblem, 'at'> | undefined {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return { message: 'must be a key' }
  const jwk = key as Jwk
  const secret = PRIVATE.find((name) => jwk[name] !== undefined)
  if (secret !== undefined)
    return {
      message: `holds the secret member "${secret}", which whoever reads it could sign by: only public keys belong here`,
      secret: true,
    }
  if (jwk['kty'] !== 'RSA' && jwk['kty'] !== 'EC' && jwk['kty'] !== 'OKP')
    return { message: 'is of no type that verifies: kty must be RSA, EC or OKP' }
  if (jwk['kty'] !== 'RSA' && !CURVES.has(jwk['crv']))
    return { message: `is of a curve that is not known here: crv must be ${[...CURVES].join(', ')}` }
  try {
    const bits = createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' }).asymmetricKeyDetails
      ?.modulusLength
    if (bits !== undefined && bits < LEAST_RSA_BITS)
      return { message: `has ${bits} bits; RSA keys need ${LEAST_RSA_BITS}` }
    return undefined
  } catch {
    return { message: 'is no key: its members do not fit together' }
  }
}
