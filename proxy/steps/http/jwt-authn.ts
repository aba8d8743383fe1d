import { foldedName } from '../../../core/folded-name.ts'
import { JwtAuthentication } from '../../../core/xds/generated/envoy.js'
import { setVerifiedToken } from '../../exchange/verified-token.ts'
import { field, type RequestHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { Route } from '../../model/route.ts'
import type { Answer, RequestStep, StepDependencies, StepKind, Verdict, Wait } from '../step.ts'
import { takeOut, TokenFinder, type ShownToken } from '../tokens/find-tokens.ts'
import { KnownTokens, tokenKey, type KnownToken } from '../tokens/known-tokens.ts'
import { readProviders, type TokenProvider } from '../tokens/provider.ts'
import { RefusedTokens } from '../tokens/refused-tokens.ts'
import { callerOf } from '../tokens/token-caller.ts'
import { Verifications, type Verified } from '../tokens/verifications.ts'
import { MOST_SHOWN, Refused, refusalOfForm, TokenVerifier, type Refusal } from '../tokens/verifier.ts'

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
  readonly headFields: ReadonlySet<string>
  readonly #providers: readonly TokenProvider[]
  readonly #finder: TokenFinder
  readonly #verifier: TokenVerifier
  readonly #known = new KnownTokens()
  readonly #refused = new RefusedTokens()
  readonly #verifications: Verifications
  /** First verifications that run or wait, by token and caller. */
  readonly #pending = new Map<string, Pending>()
  readonly #epochMs: () => number

  constructor({ providers }: JwtAuthnConfig, deps: Pick<StepDependencies, 'epochMs' | 'clock'>) {
    const { clock, epochMs = Date.now } = deps
    this.#providers = providers
    this.#epochMs = epochMs
    this.#verifications = new Verifications(clock)
    this.#finder = new TokenFinder(providers)
    this.#verifier = new TokenVerifier(providers, epochMs)
    this.headFields = new Set(
      providers
        .flatMap(({ payloadField, claimFields }) => [payloadField, ...claimFields.map(({ name }) => name)])
        .filter((name) => name !== '')
        .map(foldedName),
    )
  }

  decide(hop: Hop, head: RequestHead, _route: Route | undefined): Verdict {
    if (this.headFields.size > 0) dropFields(head, this.headFields)
    const shown = this.#finder.find(head)
    if (shown.length === 0) return undefined
    if (shown.length > MOST_SHOWN) return refuse(head, Refused.count)
    const verified: (KnownToken | undefined)[] = []
    let whole = true
    for (const { text, place } of shown) {
      const ill = refusalOfForm(text)
      if (ill !== undefined) return refuse(head, ill)
      const key = tokenKey(text)
      const known = this.#known.get(key)
      if (known && (!place.providers.has(known.provider) || !this.#holds(known)))
        return refuse(head, this.#whyNot(known, place.providers))
      if (known === undefined) {
        const why = this.#refused.get(key)
        if (why !== undefined) return refuse(head, why)
      }
      verified.push(known)
      whole &&= known !== undefined
    }
    if (!whole) return this.#wait(callerOf(hop), head, shown, verified)
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

  #wait(
    caller: string,
    head: RequestHead,
    shown: readonly ShownToken[],
    known: readonly (KnownToken | undefined)[],
  ): Wait {
    return {
      kind: 'wait',
      flags: 0,
      begin: (request) => {
        const outcomes: (KnownToken | Refusal | undefined)[] = [...known]
        const leaving: (() => void)[] = []
        let missing = outcomes.filter((outcome) => outcome === undefined).length
        for (const [at, outcome] of known.entries()) {
          if (outcome !== undefined) continue
          const leave = this.#verify(caller, shown[at] as ShownToken, (told) => {
            outcomes[at] = told
            if (--missing > 0) return
            const refusal = outcomes.find((one) => typeof one === 'string')
            if (refusal !== undefined) return request.resume(refuse(head, refusal))
            this.#accept(head, shown, outcomes as readonly KnownToken[])
            request.resume(undefined)
          })
          leaving.push(leave)
        }
        return () => {
          for (const leave of leaving) leave()
        }
      },
    }
  }

  /**
   * Tells `waiter`, later, what becomes of a token; the returned function takes that back. Whoever shows one that is being verified
   * waits for that, if it is the same caller: nobody waits for the turn of another.
   */
  #verify(caller: string, { text, place }: ShownToken, waiter: Waiter): () => void {
    const key = tokenKey(text)
    // Two places of one request, or of two, may be for other issuers.
    const pendingKey = `${key} ${[...place.providers].join()} ${caller}`
    let pending = this.#pending.get(pendingKey)
    if (!pending) {
      pending = { waiters: new Set(), giveUp: () => false }
      this.#pending.set(pendingKey, pending)
      const { waiters } = pending
      pending.giveUp = this.#verifications.add(
        caller,
        () => this.#outcome(key, text, place.providers),
        (outcome: KnownToken | Refusal | undefined) => {
          this.#pending.delete(pendingKey)
          for (const one of waiters) one(outcome ?? Refused.vain)
        },
      )
    }
    const { waiters, giveUp } = pending
    waiters.add(waiter)
    return () => {
      if (!waiters.delete(waiter) || waiters.size > 0) return
      // What runs already ends by itself, and is then known.
      if (giveUp()) this.#pending.delete(pendingKey)
    }
  }

  async #outcome(
    key: string,
    text: string,
    allowed: ReadonlySet<number>,
  ): Promise<Verified<KnownToken | Refusal>> {
    // It may have waited while another caller showed the same.
    const known = this.#known.get(key)
    if (known) return { outcome: allowed.has(known.provider) ? known : Refused.issuer, vain: 0 }
    const refused = this.#refused.get(key)
    if (refused !== undefined) return { outcome: refused, vain: 0 }
    const verified = await this.#verifier.verify(text, allowed)
    if (typeof verified.outcome !== 'string') this.#known.add(key, verified.outcome, text.length)
    else if (verified.vain > 0) this.#refused.add(key, verified.outcome)
    return verified
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

type Waiter = (outcome: KnownToken | Refusal) => void

/** A first verification that runs or waits. */
interface Pending {
  readonly waiters: Set<Waiter>
  /** False: it has begun. */
  giveUp: () => boolean
}

const LONGEST_REALM = 256

/** RFC 6750 section 3. The realm is what was asked for, without its query, which may have held a token. */
function refuse({ scheme, authority, path }: RequestHead, text: Refusal): Answer {
  if (text === Refused.vain) return TURNED_AWAY
  const realm = `${scheme}://${authority}${path.split('?', 1)[0]}`.slice(0, LONGEST_REALM)
  const challenge = `Bearer realm="${realm.replace(/["\\]|[^ -~]/g, '?')}", error="invalid_token"`
  return {
    kind: 'answer',
    flags: ResponseFlag.UAEX,
    reply: {
      status: 401,
      details: detailsOf(text),
      text,
      fields: ['www-authenticate', challenge],
    },
  }
}

function detailsOf(text: Refusal): string {
  return `jwt_authn_access_denied{${text.replaceAll(' ', '_')}}`
}

/** Nothing is known of the token: its caller has shown too many that did not verify (verifications.ts). */
const TURNED_AWAY: Answer = {
  kind: 'answer',
  flags: ResponseFlag.UAEX | ResponseFlag.RL,
  reply: {
    status: 429,
    details: detailsOf(Refused.vain),
    text: Refused.vain,
    fields: ['retry-after', '1'],
  },
}

export const jwtAuthn: StepKind<JwtAuthentication, JwtAuthnConfig, RequestStep> = {
  kind: 'envoy.filters.http.jwt_authn',
  type: JwtAuthentication,
  // A pod's callers come by mutual TLS and in plaintext: their tokens are the same.
  shared: true,
  read: (message, scope) => ({ providers: readProviders(message, scope) }),
  create: (config, _name, deps) => new JwtAuthnStep(config, deps),
}
