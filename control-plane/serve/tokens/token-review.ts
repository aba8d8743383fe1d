import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { Gate } from '../../../core/gate.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import { findObject } from '../../kubernetes/find-object.ts'
import type { Caller } from './claims.ts'
import { reviewedCaller, type TokenReviewStatus } from './reviewed-caller.ts'
import type { TokenVerifier } from './verifier.ts'

/** What a pod is known by. */
export interface KnownPod {
  readonly uid: string
  readonly serviceAccount: string
}

export interface TokenReviewOptions {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly audience: string
  /** The pod of this name as far as it is known here; the API server is asked when this does not match. */
  readonly podOf: (namespace: string, name: string) => KnownPod | undefined
  /** Who issues tokens here, where that is known; others are learned from tokens that the API server takes. */
  readonly issuer?: string | undefined
  readonly clock?: Clock
}

// Kubernetes's own are about 1 KiB.
const LONGEST_TOKEN = 16 * 1024
const TIMEOUT_MS = 5_000
/** How long the API server's word counts. The pod is looked up anew each time. */
const ACCEPTED_MS = 10_000
const REFUSED_MS = 2_000
/** Of each: what is refused takes the place of nothing that was accepted. */
const MOST_KEPT = 10_000
/**
 * After an outage every proxy comes at once; each question in flight is a connection to the API server. One source
 * never has all of them.
 */
const QUESTIONS = { width: 32, widthPerSource: 24, waitingPerSource: 256, waiting: 1024 }
/** A token of another issuer is asked for so seldom: an issuer that was replaced is learned all the same. */
const OTHER_ISSUER_MS = 1000

type Outcome = { readonly caller: Caller } | { readonly refusal: WeftError }

interface Kept {
  readonly outcome: Outcome
  readonly until: number
}

/** What a token says of itself; nothing of it is proven. */
interface Claims {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly expiresMs: number
  /** UID of the pod that it says it is bound to, if there is such a pod. */
  readonly pod: string | undefined
}

/**
 * Asks the API server who holds a token (authentication.k8s.io/v1 TokenReview), and holds the pod that it is bound to
 * to exist with that UID and ServiceAccount. What a token says of its issuer and audience is looked at first: the API server
 * is not asked for what it would refuse. Answers are kept for seconds under a hash of the token, and who waits is served
 * in turns by source address and pod.
 */
export function tokenReviewVerifier(options: TokenReviewOptions): TokenVerifier {
  const { connection, audience, podOf, clock = systemClock } = options
  const accepted = new Map<string, Kept>()
  const refused = new Map<string, Kept>()
  const asked = new Map<string, Promise<Outcome>>()
  const issuers = new Set(options.issuer === undefined ? [] : [options.issuer])
  const gate = new Gate(QUESTIONS, tooMany)
  let otherIssuerAt = Number.NEGATIVE_INFINITY

  const review = async (token: string): Promise<Outcome> => {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    }
    const path = '/apis/authentication.k8s.io/v1/tokenreviews'
    const answer = await ask(connection, { method: 'POST', path, body, timeoutMs: TIMEOUT_MS })
    const status = (answer as { status?: TokenReviewStatus } | undefined)?.status ?? {}
    try {
      return { caller: reviewedCaller(status, token, audience) }
    } catch (error) {
      if (error instanceof WeftError && error.code !== 'token.unavailable') return { refusal: error }
      throw error
    }
  }

  const outcomeOf = async (token: string, claims: Claims, from: string): Promise<Outcome> => {
    const key = createHash('sha256').update(token).digest('base64url')
    const now = clock.now()
    const kept = accepted.get(key) ?? refused.get(key)
    if (kept && now < kept.until) return kept.outcome
    const already = asked.get(key)
    if (already) return already
    if (issuers.size > 0 && !issuers.has(claims.issuer)) {
      if (now < otherIssuerAt + OTHER_ISSUER_MS)
        throw new WeftError('token.issuer', 'the token was not issued by this cluster')
      otherIssuerAt = now
    }
    const outcome = gate.pass({ source: from, subject: claims.pod ?? '' }, () => review(token))
    asked.set(key, outcome)
    try {
      const answer = await outcome
      const at = clock.now()
      accepted.delete(key)
      refused.delete(key)
      if ('caller' in answer) {
        issuers.add(claims.issuer)
        const until = Math.min(at + ACCEPTED_MS, Math.max(at, claims.expiresMs))
        keep(accepted, key, { outcome: answer, until })
      } else keep(refused, key, { outcome: answer, until: at + REFUSED_MS })
      return answer
    } finally {
      asked.delete(key)
    }
  }

  return {
    async verify(token, from = '') {
      if (token.length > LONGEST_TOKEN) {
        throw new WeftError('token.malformed', `the token is longer than ${LONGEST_TOKEN} characters`)
      }
      const claims = claimsOf(token, podOf)
      if (!claims.audiences.includes(audience))
        throw new WeftError('token.audience', `the token is not for audience "${audience}"`)
      const outcome = await outcomeOf(token, claims, from)
      if ('refusal' in outcome) throw outcome.refusal
      const { caller } = outcome
      const live = (namespace: string, name: string): Promise<KnownPod | undefined> =>
        gate.pass({ source: from, subject: claims.pod ?? '' }, () => livePod(connection, namespace, name))
      await requirePod(caller, podOf, live)
      return caller
    },
  }
}

/** In order of insertion: the oldest goes. */
function keep(kept: Map<string, Kept>, key: string, one: Kept): void {
  kept.set(key, one)
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break
    kept.delete(oldest)
  }
}

/** Throws WeftError `token.malformed` for what is no JWT: that need not be asked. */
function claimsOf(token: string, podOf: TokenReviewOptions['podOf']): Claims {
  try {
    const { iss, aud, exp, 'kubernetes.io': kubernetes } = decodeJwt(token)
    if (typeof exp === 'number') {
      return {
        issuer: typeof iss === 'string' ? iss : '',
        audiences: typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud : [],
        expiresMs: exp * 1000,
        pod: claimedPod(kubernetes, podOf),
      }
    }
  } catch {
    // The next line says it.
  }
  throw new WeftError('token.malformed', 'the token is no service account token (a JWT that expires)')
}

function claimedPod(kubernetes: unknown, podOf: TokenReviewOptions['podOf']): string | undefined {
  const { namespace, pod } = (kubernetes ?? {}) as {
    namespace?: unknown
    pod?: { name?: unknown; uid?: unknown }
  }
  if (typeof namespace !== 'string' || typeof pod?.name !== 'string' || typeof pod.uid !== 'string')
    return undefined
  return podOf(namespace, pod.name)?.uid === pod.uid ? pod.uid : undefined
}

async function requirePod(
  caller: Caller,
  podOf: TokenReviewOptions['podOf'],
  live: (namespace: string, name: string) => Promise<KnownPod | undefined>,
): Promise<void> {
  const { namespace, serviceAccount, pod } = caller
  if (!pod) {
    throw new WeftError('token.no_pod', 'the token is bound to no pod: use the one that is mounted in a pod')
  }
  const matches = (found: KnownPod) => found.uid === pod.uid && found.serviceAccount === serviceAccount
  const known = podOf(namespace, pod.name)
  if (known && matches(known)) return
  // A pod that has just been made may not have come by yet.
  const found = await live(namespace, pod.name)
  if (!found) throw new WeftError('token.revoked', `the token's pod ${namespace}/${pod.name} is gone`)
  if (matches(found)) return
  throw new WeftError(
    'token.revoked',
    found.uid === pod.uid
      ? `the token's pod ${namespace}/${pod.name} runs as service account ${found.serviceAccount}, not ${serviceAccount}`
      : `the token's pod ${namespace}/${pod.name} is gone; another has its name`,
  )
}

async function livePod(
  connection: TokenReviewOptions['connection'],
  namespace: string,
  name: string,
): Promise<KnownPod | undefined> {
  try {
    const pod = await findObject(connection, `/api/v1/namespaces/${namespace}/pods`, name, TIMEOUT_MS)
    if (!pod) return undefined
    const { uid } = pod.metadata
    const { serviceAccountName = 'default' } = (pod['spec'] ?? {}) as { serviceAccountName?: string }
    return { uid: typeof uid === 'string' ? uid : '', serviceAccount: serviceAccountName }
  } catch (error) {
    throw unavailable(error)
  }
}

async function ask(
  connection: TokenReviewOptions['connection'],
  request: Parameters<KubernetesConnection['request']>[0],
): Promise<unknown> {
  try {
    return await connection.request(request)
  } catch (error) {
    throw unavailable(error)
  }
}

/** What a proxy or the API server says to a token is not repeated: it might quote it. */
function unavailable(error: unknown): WeftError {
  const status = error instanceof KubernetesError ? error.status : 0
  const why =
    status === 403
      ? 'the control plane may not ask (RBAC: create tokenreviews, list pods)'
      : status === 0
        ? 'the API server does not answer'
        : `the API server answered ${status}`
  return new WeftError('token.unavailable', `the token cannot be checked now: ${why}`)
}

function tooMany(): WeftError {
  return new WeftError(
    'token.unavailable',
    'the token cannot be checked now: too many others of its source wait',
  )
}
