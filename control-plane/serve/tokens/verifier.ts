import { createPublicKey, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { readTextFile } from '../../../certs/private-file.ts'
import { callerOf, TOKEN_ISSUER, type Caller } from './claims.ts'
import { keyId, PUBLIC_KEY_FILE } from './issuer.ts'

/** Says who holds a token: by a local key, or by asking Kubernetes (TokenReview). */
export interface TokenVerifier {
  /**
   * Throws WeftError: `token.expired`, `token.not_yet_valid`, `token.audience`, `token.issuer`, `token.signature`,
   * `token.revoked`, `token.no_pod`, `token.malformed`, or `token.unavailable` when nobody can tell now. The text never
   * has the token. `from` is the address that it came from: who waits is served fairly by it.
   */
  verify(token: string, from?: string): Promise<Caller>
}

export interface LocalTokenVerifierOptions {
  /** Where the issuer keeps its public key. It may come later, and may change. */
  readonly directory: string
  readonly audience: string
  readonly clock?: Clock
  /** False for a pod that is gone or has another UID; without it every pod counts as there. */
  readonly podExists?: (namespace: string, name: string, uid: string) => boolean
}

// Kubernetes's own are about 1 KiB.
const LONGEST_TOKEN = 16 * 1024

/** Verifier of tokens that `openTokenIssuer` made, by its public key. */
export function localTokenVerifier(options: LocalTokenVerifierOptions): TokenVerifier {
  const { directory, audience, clock = systemClock, podExists } = options
  const path = join(directory, PUBLIC_KEY_FILE)
  let known: { id: string; key: KeyObject } | undefined

  const keyFor = async (id: string): Promise<KeyObject> => {
    // An unknown id may mean that the issuer has a new key since.
    if (known?.id !== id) known = await readPublicKey(path)
    if (known.id !== id)
      throw new WeftError('token.signature', 'the token is signed by a key that is not trusted here')
    return known.key
  }

  return {
    async verify(token) {
      if (token.length > LONGEST_TOKEN) {
        throw new WeftError('token.malformed', `the token is longer than ${LONGEST_TOKEN} characters`)
      }
      const key = await keyFor(headerKeyId(token))
      let claims: Readonly<Record<string, unknown>>
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ['ES256'],
          issuer: TOKEN_ISSUER,
          audience,
          currentDate: new Date(clock.now()),
          requiredClaims: ['exp', 'iat', 'nbf', 'sub'],
        })
        claims = payload
      } catch (error) {
        throw refusal(error, audience)
      }
      const caller = callerOf(claims)
      if (caller.pod && podExists && !podExists(caller.namespace, caller.pod.name, caller.pod.uid)) {
        throw new WeftError('token.revoked', `the token's pod ${caller.namespace}/${caller.pod.name} is gone`)
      }
      return caller
    },
  }
}

async function readPublicKey(path: string): Promise<{ id: string; key: KeyObject }> {
  const text = readTextFile(path)
  if (text === undefined) {
    throw new WeftError('token.unavailable', `tokens cannot be checked yet: ${path} is not there`)
  }
  try {
    const key = createPublicKey(text)
    return { id: await keyId(key), key }
  } catch {
    throw new WeftError('token.unavailable', `tokens cannot be checked: ${path} holds no public key in PEM`)
  }
}

function headerKeyId(token: string): string {
  try {
    const { kid } = decodeProtectedHeader(token)
    if (typeof kid === 'string') return kid
  } catch {
    // The next line says it.
  }
  throw new WeftError('token.malformed', 'the token is no service account token (a JWT with a key id)')
}

function refusal(error: unknown, audience: string): WeftError {
  if (error instanceof errors.JWTExpired) {
    const { exp } = error.payload
    const when = typeof exp === 'number' ? ` at ${new Date(exp * 1000).toISOString()}` : ''
    return new WeftError('token.expired', `the token expired${when}: send a fresh one`)
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud')
      return new WeftError('token.audience', `the token is not for audience "${audience}"`)
    if (error.claim === 'iss')
      return new WeftError('token.issuer', `the token was not issued by ${TOKEN_ISSUER}`)
    if (error.claim === 'nbf' && error.reason === 'check_failed') {
      return new WeftError('token.not_yet_valid', 'the token is not valid yet: compare the clocks')
    }
    return new WeftError('token.malformed', `the token's claim ${error.reason}`, { field: error.claim })
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JOSEAlgNotAllowed) {
    return new WeftError('token.signature', "the token's signature does not hold")
  }
  return new WeftError('token.malformed', 'the token is no JWT that can be read')
}
