/** Whose tokens are believed, and what becomes of them: one of `jwtRules` (Istio's terms). */
export interface TokenRule {
  readonly issuer: string
  /** One of them must be among a token's; none: any will do. */
  readonly audiences: readonly string[]
  readonly keys: InlineKeys | KeySource
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[]
  readonly fromParams: readonly string[]
  readonly fromCookies: readonly string[]
  /** The application gets the token, too. */
  readonly forward: boolean
  readonly payloadHeader: string | undefined
  readonly claimHeaders: readonly ClaimHeader[]
}

export interface ClaimHeader {
  readonly header: string
  /** `.` stands between nested ones. */
  readonly claim: string
}

/** A JWK Set that stands in the policy. */
export interface InlineKeys {
  readonly kind: 'inline'
  readonly text: string
}

/** Where a JWK Set is fetched: by its own URL, or by that of its issuer (OpenID Connect Discovery 1.0 section 4). */
export interface KeySource {
  readonly kind: 'uri' | 'issuer'
  readonly url: string
  readonly timeoutMs: number
}

/** What is known of a source's keys. */
export interface FetchedKeys {
  /** The last good ones, as text of a JWK Set; undefined: there were none so far. */
  readonly text: string | undefined
  /** Why the last attempt brought none; undefined: it did. */
  readonly problem: { readonly message: string; readonly remedy: string } | undefined
}

/** By sourceKey; what is not there is not fetched yet. */
export type KeysBySource = ReadonlyMap<string, FetchedKeys>

export const MOST_RULES = 16
/** In the mesh; the rest is told. */
export const MOST_SOURCES = 256

/** Rules that wait differently long for one source share what it has. */
export function sourceKey({ kind, url }: Pick<KeySource, 'kind' | 'url'>): string {
  return `${kind} ${url}`
}

/** Whose tokens the sidecar of a pod verifies, with the keys that it has. */
export interface TokenProvider {
  readonly rule: TokenRule
  /** A JWK Set; without a key while none could be fetched: then no token of the issuer is let in. */
  readonly keys: string
}

export interface MeshTokens {
  /** By `namespace/pod`; the same array for pods that have the same, and while it stays. */
  readonly providers: ReadonlyMap<string, readonly TokenProvider[]>
  /** What has to be fetched for them; the same array while it stays. */
  readonly sources: readonly KeySource[]
}

export const NO_TOKENS: MeshTokens = { providers: new Map(), sources: [] }
