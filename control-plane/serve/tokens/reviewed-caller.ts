import { decodeJwt } from 'jose'
import { WeftError } from '../../../core/errors.ts'
import { isNamespaceName, isObjectName, type Caller } from './claims.ts'

/** `status` of a TokenReview (authentication.k8s.io/v1), what is read of it. */
export interface TokenReviewStatus {
  readonly authenticated?: boolean
  readonly audiences?: readonly string[]
  readonly error?: string
  readonly user?: {
    readonly username?: string
    readonly extra?: Readonly<Record<string, readonly string[] | undefined>>
  }
}

const POD_NAME = 'authentication.kubernetes.io/pod-name'
const POD_UID = 'authentication.kubernetes.io/pod-uid'

/** Who the API server says holds the token. Throws WeftError `token.*` whose text has nothing of the token. */
export function reviewedCaller(status: TokenReviewStatus, token: string, audience: string): Caller {
  if (status.authenticated !== true) throw refusal(status.error ?? '', token, audience)
  // "A service that knows nothing of audiences must be told by their absence": it would take any token.
  if (!status.audiences?.includes(audience)) {
    throw new WeftError('token.audience', `the token is not for audience "${audience}"`)
  }
  const [system, kind, namespace, serviceAccount, ...more] = (status.user?.username ?? '').split(':')
  if (system !== 'system' || kind !== 'serviceaccount' || !namespace || !serviceAccount || more.length > 0) {
    throw new WeftError('token.malformed', 'the token is of a user, not of a service account')
  }
  if (!isNamespaceName(namespace) || !isObjectName(serviceAccount)) {
    throw new WeftError('token.malformed', "the token's service account has no Kubernetes name")
  }
  const name = single(status, POD_NAME)
  const uid = single(status, POD_UID)
  if (name === undefined && uid === undefined) return { namespace, serviceAccount, pod: undefined }
  if (name === undefined || uid === undefined || !isObjectName(name) || uid === '') {
    throw new WeftError('token.malformed', "the token's pod has no name or no UID")
  }
  return { namespace, serviceAccount, pod: { name, uid } }
}

function single(status: TokenReviewStatus, key: string): string | undefined {
  const values = status.user?.extra?.[key]
  return values?.length === 1 ? values[0] : undefined
}

/**
 * The API server says why in words only, and several of them at once. What it says first is believed, then what
 * stands in the token: it is refused anyway, and its claims only choose the words.
 */
function refusal(said: string, token: string, audience: string): WeftError {
  if (/has expired/.test(said)) {
    return new WeftError('token.expired', 'the token expired: send a fresh one')
  }
  if (/not valid yet/.test(said)) {
    return new WeftError('token.not_yet_valid', 'the token is not valid yet: compare the clocks')
  }
  if (/invalidated|not found|UID|deleted/i.test(said)) {
    return new WeftError('token.revoked', 'the token was revoked: its pod or service account is gone')
  }
  if (/audience/.test(said) || !hasAudience(token, audience)) {
    return new WeftError('token.audience', `the token is not for audience "${audience}"`)
  }
  return new WeftError('token.signature', 'the API server does not know the token')
}

function hasAudience(token: string, audience: string): boolean {
  try {
    const { aud } = decodeJwt(token)
    return typeof aud === 'string' ? aud === audience : (aud?.includes(audience) ?? false)
  } catch {
    return false
  }
}
