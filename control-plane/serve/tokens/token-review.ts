import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import { findObject } from '../../kubernetes/find-object.ts'
import type { Caller } from './claims.ts'
import { Gate } from './gate.ts'
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
  readonly clock?: Clock
}

// Kubernetes's own are about 1 KiB.
const LONGEST_TOKEN = 16 * 1024
const TIMEOUT_MS = 5_000
/** How long the API server's word counts. The pod is looked up anew each time. */
const ACCEPTED_MS = 10_000
const REFUSED_MS = 2_000
const MOST_KEPT = 10_000
/** After an outage every proxy comes at once; each question in flight is a connection to the API server. */
const MOST_AT_ONCE = 32

type Outcome = { readonly caller: Caller } | { readonly refusal: WeftError }

interface Kept {
  readonly outcome: Promise<Outcome>
  /** Infinity while it is asked. */
  until: number
}

/**
 * Asks the API server who holds a token (authentication.k8s.io/v1 TokenReview), and holds the pod that it is bound to
 * to exist with that UID and ServiceAccount. Answers are kept for seconds under a hash of the token.
 */
export function tokenReviewVerifier(options: TokenReviewOptions): TokenVerifier {
  const { connection, audience, podOf, clock = systemClock } = options
  const kept = new Map<string, Kept>()
  const gate = new Gate(MOST_AT_ONCE)

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

  const outcomeOf = (token: string): Promise<Outcome> => {
    const now = clock.now()
    const key = createHash('sha256').update(token).digest('base64url')
    const found = kept.get(key)
    if (found && now < found.until) return found.outcome
    const entry: Kept = { outcome: gate.pass(() => review(token)), until: Infinity }
    kept.delete(key)
    kept.set(key, entry)
    // In order of insertion: the oldest goes.
    for (const oldest of kept.keys()) {
      if (kept.size <= MOST_KEPT) break
      kept.delete(oldest)
    }
    entry.outcome.then(
      (outcome) => {
        const at = clock.now()
        entry.until =
          'caller' in outcome ? Math.min(at + ACCEPTED_MS, Math.max(at, expiryOf(token))) : at + REFUSED_MS
      },
      () => kept.get(key) === entry && kept.delete(key),
    )
    return entry.outcome
  }

  return {
    async verify(token) {
      if (token.length > LONGEST_TOKEN) {
        throw new WeftError('token.malformed', `the token is longer than ${LONGEST_TOKEN} characters`)
      }
      expiryOf(token)
      const outcome = await outcomeOf(token)
      if ('refusal' in outcome) throw outcome.refusal
      await requirePod(connection, outcome.caller, podOf)
      return outcome.caller
    },
  }
}

/** Throws WeftError `token.malformed` for what is no JWT: that need not be asked. Milliseconds. */
function expiryOf(token: string): number {
  try {
    const { exp } = decodeJwt(token)
    if (typeof exp === 'number') return exp * 1000
  } catch {
    // The next line says it.
  }
  throw new WeftError('token.malformed', 'the token is no service account token (a JWT that expires)')
}

async function requirePod(
  connection: TokenReviewOptions['connection'],
  caller: Caller,
  podOf: TokenReviewOptions['podOf'],
): Promise<void> {
  const { namespace, serviceAccount, pod } = caller
  if (!pod) {
    throw new WeftError('token.no_pod', 'the token is bound to no pod: use the one that is mounted in a pod')
  }
  const matches = (found: KnownPod) => found.uid === pod.uid && found.serviceAccount === serviceAccount
  const known = podOf(namespace, pod.name)
  if (known && matches(known)) return
  // A pod that has just been made may not have come by yet.
  const found = await livePod(connection, namespace, pod.name)
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
