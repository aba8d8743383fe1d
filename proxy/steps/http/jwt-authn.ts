import { JwtAuthentication } from '../../../core/xds/generated/envoy.js'
import { setVerifiedToken } from '../../exchange/verified-token.ts'
import { field, type RequestHead } from '../../http/message.ts'
import { foldedName } from '../../http/trailers.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { Route } from '../../model/route.ts'
import type { Answer, RequestStep, StepDependencies, StepKind, Verdict, Wait } from '../step.ts'
import { takeOut, TokenFinder, type ShownToken } from '../tokens/find-tokens.ts'
import { KnownTokens, tokenKey, type KnownToken } from '../tokens/known-tokens.ts'
import { readProviders, type TokenProvider } from '../tokens/provider.ts'
import { MOST_SHOWN, Refused, TokenVerifier, type Refusal } from '../tokens/verifier.ts'

/** envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication */
export interface JwtAuthnConfig {
  readonly providers: readonly TokenProvider[]
}

/**
 * Verifies the tokens that requests show. Who shows none passes: whether that is enough is for the steps behind to say. Of
 * several every one must verify, or an application would take a bad one for the good; the claims that count are those of the
 * provider that comes first.
 */
export class JwtAuthnStep implements RequestStep {
  /** Fields that only this step writes, folded as applications may read them. */
  readonly ownFields: ReadonlySet<string>
  readonly #providers: readonly TokenProvider[]
  readonly #finder: TokenFinder
  readonly #verifier: TokenVerifier
  readonly #known = new KnownTokens()
  /** First verifications of tokens that others show meanwhile, by their key. */
  readonly #pending = new Map<string, Promise<KnownToken | Refusal>>()
  readonly #epochMs: () => number

  constructor({ providers }: JwtAuthnConfig, { epochMs = Date.now }: Pick<StepDependencies, 'epochMs'>) {
    this.#providers = providers
    this.#epochMs = epochMs
    this.#finder = new TokenFinder(providers)
    this.#verifier = new TokenVerifier(providers, epochMs)
    this.ownFields = new Set(
      providers
        .flatMap(({ payloadField, claimFields }) => [payloadField, ...claimFields.map(({ name }) => name)])
        .filter((name) => name !== '')
        .map(foldedName),
    )
  }

  decide(_hop: Hop, head: RequestHead, _route: Route | undefined): Verdict {
    if (this.ownFields.size > 0) dropFields(head, this.ownFields)
    const shown = this.#finder.find(head)
    if (shown.length === 0) return undefined
    if (shown.length > MOST_SHOWN) return refuse(head, Refused.count)
    const verified: (KnownToken | undefined)[] = []
    let whole = true
    for (const { text, place } of shown) {
      const known = this.#known.get(tokenKey(text))
      if (known && (!place.providers.has(known.provider) || !this.#holds(known)))
        return refuse(head, this.#whyNot(known, place.providers))
      verified.push(known)
      whole &&= known !== undefined
    }
    if (!whole) return this.#wait(head, shown, verified)
    this.#accept(head, shown, verified as readonly KnownToken[])
    return undefined
  }

  #holds({ fromMs, untilMs }: KnownToken): boolean {
    const now = this.#epochMs()
    return fromMs <= now && now < untilMs
  }

  #whyNot({ provider, untilMs }: KnownToken, allowed: ReadonlySet<number>): Refusal {
    if (!allowed.has(provider)) return Refused.issuer
    return untilMs <= this.#epochMs() ? Refused.expired : Refused.early
  }

  #wait(head: RequestHead, shown: readonly ShownToken[], known: readonly (KnownToken | undefined)[]): Wait {
    return {
      kind: 'wait',
      flags: 0,
      begin: (request) => {
        let given = false
        const outcome = async (one: ShownToken, at: number) => known[at] ?? this.#verify(one)
        void Promise.all(shown.map(outcome)).then((outcomes) => {
          if (given) return
          const refusal = outcomes.find((outcome) => typeof outcome === 'string')
          if (refusal !== undefined) return request.resume(refuse(head, refusal))
          this.#accept(head, shown, outcomes as readonly KnownToken[])
          request.resume(undefined)
        })
        return () => {
          given = true
        }
      },
    }
  }

  /** Whoever shows a token that is being verified waits for that. */
  #verify({ text, place }: ShownToken): Promise<KnownToken | Refusal> {
    const key = tokenKey(text)
    // Two places of one request, or of two, may be for other issuers.
    const pendingKey = `${key} ${[...place.providers].join()}`
    let pending = this.#pending.get(pendingKey)
    if (!pending) {
      pending = this.#verifier.verify(text, place.providers).then(
        (outcome) => {
          this.#pending.delete(pendingKey)
          if (typeof outcome !== 'string') this.#known.add(key, outcome, text.length)
          return outcome
        },
        () => {
          this.#pending.delete(pendingKey)
          return Refused.signature
        },
      )
      this.#pending.set(pendingKey, pending)
    }
    return pending
  }

  #accept(head: RequestHead, shown: readonly ShownToken[], tokens: readonly KnownToken[]): void {
    const ordered = tokens.length === 1 ? tokens : tokens.toSorted((a, b) => a.provider - b.provider)
    const [first] = ordered
    if (!first) return
    setVerifiedToken(head, first.token)
    const gone = shown.filter((_, at) => !this.#providers[tokens[at]?.provider ?? 0]?.forward)
    if (gone.length > 0) takeOut(head, gone)
    // Of two that say the same field, too, the first provider's counts.
    for (const { fields } of ordered)
      for (let i = 0; i < fields.length; i += 2)
        if (field(head.fields, fields[i] as string) === undefined)
          head.fields.push(fields[i] as string, fields[i + 1] as string)
  }
}

function dropFields({ fields }: RequestHead, names: ReadonlySet<string>): void {
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (names.has(foldedName(fields[i] as string))) continue
    fields[kept++] = fields[i] as string
    fields[kept++] = fields[i + 1] as string
  }
  fields.length = kept
}

const LONGEST_REALM = 256

/** RFC 6750 section 3. The realm is what was asked for, without its query, which may have held a token. */
function refuse({ scheme, authority, path }: RequestHead, text: Refusal): Answer {
  const realm = `${scheme}://${authority}${path.split('?', 1)[0]}`.slice(0, LONGEST_REALM)
  const challenge = `Bearer realm="${realm.replace(/["\\]|[^ -~]/g, '?')}", error="invalid_token"`
  return {
    kind: 'answer',
    flags: ResponseFlag.UAEX,
    reply: {
      status: 401,
      details: `jwt_authn_access_denied{${text.replaceAll(' ', '_')}}`,
      text,
      fields: ['www-authenticate', challenge],
    },
  }
}

export const jwtAuthn: StepKind<JwtAuthentication, JwtAuthnConfig, RequestStep> = {
  kind: 'envoy.filters.http.jwt_authn',
  type: JwtAuthentication,
  // A pod's callers come by mutual TLS and in plaintext: their tokens are the same.
  shared: true,
  read: (message, scope) => ({ providers: readProviders(message, scope) }),
  create: (config, _name, deps) => new JwtAuthnStep(config, deps),
}
