import type * as Jose from 'jose'
import type { VerifiedToken } from '../../exchange/verified-token.ts'
import { claimFields } from './claim-fields.ts'
import type { KnownToken } from './known-tokens.ts'
import type { TokenProvider } from './provider.ts'
import type { Verified } from './verifications.ts'

/**
 * Signatures that are verified, all by public keys (RFC 7518 section 3.1, RFC 8037). `none` and those of HMAC are never among
 * them: a public key is no secret.
 */
export const ALGORITHMS: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]

/** Of a token; what is longer is refused unread. */
export const LONGEST_TOKEN = 8 * 1024
/** In one request. */
export const MOST_SHOWN = 8

/** Why a token is refused, in Envoy's words (jwt_verify_lib, status.cc) where it has some. */
export const Refused = {
  format: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  length: 'Jwt is too long',
  count: 'Jwt stands in too many places',
  header: 'Jwt header is an invalid JSON',
  critical: 'Jwt header has an extension that is not known here',
  algorithm: 'Jwt header [alg] is not supported',
  payload: 'Jwt payload is an invalid JSON',
  issuer: 'Jwt issuer is not configured',
  audience: 'Audiences in Jwt are not allowed',
  early: 'Jwt not yet valid',
  expired: 'Jwt is expired',
  claims: 'Jwt has a claim of another type than it must be',
  noKeys: "Jwks doesn't have any valid public key",
  noKey: "Jwks doesn't have key to match kid or alg from Jwt",
  signature: 'Jwt verification fails',
  vain: 'Too many Jwts that do not verify',
} as const

export type Refusal = (typeof Refused)[keyof typeof Refused]

/** Three parts in base64url, none of them empty: a token without a signature is none. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

type Keys = ReturnType<typeof Jose.createLocalJWKSet>

/** Verifies tokens by the keys of their issuers. It keeps nothing of them. */
export class TokenVerifier {
  readonly #providers: readonly TokenProvider[]
  readonly #epochMs: () => number
  /** Loaded with the first filter: whoever has none does without it. */
  readonly #jose: Promise<typeof Jose>
  readonly #keys: (Keys | undefined)[]

  constructor(providers: readonly TokenProvider[], epochMs: () => number) {
    this.#providers = providers
    this.#epochMs = epochMs
    this.#jose = import('jose')
    this.#jose.catch(() => {})
    this.#keys = providers.map(() => undefined)
  }

  /**
   * `allowed`: providers whose tokens may stand where this one stood. What is refused whatever its signature says is refused
   * before that costs anything. Never throws.
   */
  async verify(text: string, allowed: ReadonlySet<number>): Promise<Verified<KnownToken | Refusal>> {
    const jose = await this.#jose
    const claims = unverified(jose, text)
    if (typeof claims === 'string') return { outcome: claims, vain: 0 }
    const at = this.#providers.findIndex(({ issuer }) => issuer === claims.iss)
    const provider = this.#providers[at]
    if (!provider || !allowed.has(at)) return { outcome: Refused.issuer, vain: 0 }
    if (provider.keys.length === 0) return { outcome: Refused.noKeys, vain: 0 }
    const refusal = refusalOfClaims(claims, provider, this.#epochMs())
    if (refusal !== undefined) return { outcome: refusal, vain: 0 }
    const tried = { vain: 0 }
    try {
      const payload = await this.#payload(jose, at, provider, text, tried)
      return { outcome: knownToken(provider, at, payload, text), vain: 0 }
    } catch (error) {
      return { outcome: refusalOf(jose, error), vain: tried.vain }
    }
  }

  /** `tried` is told how many keys' signature it was not. */
  async #payload(
    jose: typeof Jose,
    at: number,
    { issuer, audiences, keys, skewSeconds }: TokenProvider,
    text: string,
    tried: { vain: number },
  ): Promise<Jose.JWTPayload> {
    const { JWSSignatureVerificationFailed, JWKSMultipleMatchingKeys } = jose.errors
    const options: Jose.JWTVerifyOptions = {
      algorithms: [...ALGORITHMS],
      issuer,
      ...(audiences.length > 0 && { audience: [...audiences] }),
      clockTolerance: skewSeconds,
      currentDate: new Date(this.#epochMs()),
    }
    const set = (this.#keys[at] ??= jose.createLocalJWKSet({ keys: keys as Jose.JWK[] }))
    try {
      return (await jose.jwtVerify(text, set, options)).payload
    } catch (error) {
      if (error instanceof JWSSignatureVerificationFailed) tried.vain++
      if (!(error instanceof JWKSMultipleMatchingKeys)) throw error
      // Without a `kid`, or with one that two keys have, any of those that fit may have signed it.
      for await (const key of error) {
        try {
          return (await jose.jwtVerify(text, key, options)).payload
        } catch (other) {
          if (!(other instanceof JWSSignatureVerificationFailed)) throw other
          tried.vain++
        }
      }
      throw new JWSSignatureVerificationFailed()
    }
  }
}

/** Why a token is refused by its form, before anything is read of it. */
export function refusalOfForm(text: string): Refusal | undefined {
  if (text.length > LONGEST_TOKEN) return Refused.length
  return COMPACT.test(text) ? undefined : Refused.format
}

/** What a token says of itself, believed by nobody yet. */
function unverified(jose: typeof Jose, text: string): Jose.JWTPayload | Refusal {
  let algorithm: unknown
  try {
    algorithm = jose.decodeProtectedHeader(text).alg
  } catch {
    return Refused.header
  }
  if (typeof algorithm !== 'string' || !ALGORITHMS.includes(algorithm)) return Refused.algorithm
  try {
    return jose.decodeJwt(text)
  } catch {
    // That of a token within a token is text, and no claims.
    return Refused.payload
  }
}

/** RFC 7519 section 4.1, as it is asked again once the signature is known to be the issuer's. */
function refusalOfClaims(
  claims: Readonly<Record<string, unknown>>,
  { audiences, skewSeconds }: TokenProvider,
  epochMs: number,
): Refusal | undefined {
  const { aud, exp, nbf } = claims
  const now = Math.floor(epochMs / 1000)
  if (audiences.length > 0 && ![aud].flat().some((one) => audiences.includes(one as string)))
    return Refused.audience
  if (nbf !== undefined) {
    if (typeof nbf !== 'number') return Refused.claims
    if (nbf > now + skewSeconds) return Refused.early
  }
  if (exp !== undefined) {
    if (typeof exp !== 'number') return Refused.claims
    if (exp <= now - skewSeconds) return Refused.expired
  }
  return undefined
}

function knownToken(provider: TokenProvider, at: number, payload: Jose.JWTPayload, text: string): KnownToken {
  const { sub, aud, exp, nbf } = payload
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string')
  const token: VerifiedToken = {
    issuer: provider.issuer,
    subject: typeof sub === 'string' ? sub : '',
    audiences,
    claims: payload,
  }
  const skew = provider.skewSeconds
  return {
    token,
    provider: at,
    fields: claimFields(provider, payload, text),
    fromMs: nbf === undefined ? -Infinity : (nbf - skew) * 1000,
    untilMs: exp === undefined ? Infinity : (exp + skew) * 1000,
  }
}

function refusalOf({ errors }: typeof Jose, error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return Refused.expired
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf' && error.reason === 'check_failed') return Refused.early
    if (error.claim === 'aud') return Refused.audience
    return Refused.claims
  }
  if (error instanceof errors.JWTInvalid) return Refused.payload
  if (error instanceof errors.JWKSNoMatchingKey) return Refused.noKey
  // `crit` and `b64` (RFC 7515 section 4.1.11, RFC 7797).
  if (error instanceof errors.JOSENotSupported || error instanceof errors.JWSInvalid) return Refused.critical
  // Of a key that cannot be used, such as one of RSA with less than 2048 bits, too.
  return Refused.signature
}
