import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { decodeJwt } from 'jose'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { DASHBOARD_AUDIENCE, REPLICA_AUDIENCE } from '../../../core/contract.ts'
import { WeftError } from '../../../core/errors.ts'
import { Gate } from '../../../core/gate.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../kubernetes/connection.ts'
import type { Access, AccessVerb, Admitted, Asking } from './access.ts'
import { KeptAnswers } from './kept-answers.ts'
import { proxiedUser, type ProxiedUsersOptions } from './proxied-user.ts'

export interface KubernetesAccessOptions {
  readonly connection: Pick<KubernetesConnection, 'request'>
  /** Holds the token of audience REPLICA_AUDIENCE that replicas show each other; read anew each time, as the kubelet replaces it. */
  readonly replicaTokenFile: string
  /** An authenticating proxy whose word on who asks is taken; left out: none. */
  readonly proxy?: ProxiedUsersOptions | undefined
  readonly clock?: Clock
}

const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
const TIMEOUT_MS = 5_000
// Kubernetes's own are about 1 KiB.
const LONGEST_TOKEN = 16 * 1024
/** How long the API server's word counts. */
const KEPT = { goodMs: 10_000, badMs: 2_000, most: 1_000 }
/** Whoever has no token must not load the API server by asking with many. */
const QUESTIONS = { width: 16, widthPerSource: 8, waitingPerSource: 32, waiting: 128 }

/** `status.user` of a TokenReview, which a SubjectAccessReview takes as it is. */
interface User {
  readonly username: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/**
 * By bearer token: the API server says whose it is (TokenReview), and whether that user has a verb on resource `mesh` of group
 * `weft.dev` (SubjectAccessReview), which is no object but a right to give by RBAC. A token may be one for the API server, or one of
 * audience DASHBOARD_AUDIENCE, which opens nothing else. A proxy that shows its secret names the user itself, or passes the user's token. Replicas show one of audience REPLICA_AUDIENCE of their own ServiceAccount.
 */
export function kubernetesAccess(options: KubernetesAccessOptions): Access {
  const { connection, replicaTokenFile, proxy, clock = systemClock } = options
  const users = new KeptAnswers<User | undefined>({ ...KEPT, clock, isGood: (user) => user !== undefined })
  const rights = new KeptAnswers<boolean>({ ...KEPT, clock, isGood: (allowed) => allowed })
  const gate = new Gate(QUESTIONS, () => unavailable('too many others ask'))

  const ask = async (asking: Asking, path: string, kind: string, spec: object): Promise<unknown> => {
    const [, group = ''] = /^\/apis\/(.*)\/[^/]+$/.exec(path) ?? []
    const body = { apiVersion: group, kind, spec }
    const answer = await gate.pass({ source: asking.address, subject: '' }, async () => {
      try {
        return await connection.request({ method: 'POST', path, body, timeoutMs: TIMEOUT_MS })
      } catch (error) {
        throw unavailable(reasonOf(error, kind))
      }
    })
    return (answer as { readonly status?: unknown } | undefined)?.status ?? {}
  }

  const userOf = (asking: Asking, token: string, audience: string | undefined): Promise<User | undefined> =>
    users.get(keyOf(token, audience ?? ''), async () => {
      const status = (await ask(asking, TOKEN_REVIEWS, 'TokenReview', {
        token,
        ...(audience !== undefined && { audiences: [audience] }),
      })) as {
        readonly authenticated?: boolean
        readonly audiences?: readonly string[]
        readonly user?: Partial<User>
      }
      if (status.authenticated !== true) return undefined
      // "A service that knows nothing of audiences must be told by their absence": it would take any token.
      if (audience !== undefined && !status.audiences?.includes(audience)) return undefined
      const { username, uid, groups, extra } = status.user ?? {}
      if (username === undefined || username === '') return undefined
      return {
        username,
        ...(uid !== undefined && { uid }),
        ...(groups !== undefined && { groups }),
        ...(extra !== undefined && { extra }),
      }
    })

  const mayUser = (
    asking: Asking,
    /** By which what was said is kept. */
    key: string,
    { username, ...user }: User,
    verb: AccessVerb,
    namespace: string,
  ): Promise<boolean> =>
    rights.get(`${key} ${verb} ${namespace}`, async () => {
      const status = (await ask(asking, ACCESS_REVIEWS, 'SubjectAccessReview', {
        user: username,
        ...user,
        resourceAttributes: {
          group: 'weft.dev',
          resource: 'mesh',
          verb,
          ...(namespace !== '' && { namespace }),
        },
      })) as { readonly allowed?: boolean; readonly denied?: boolean }
      return status.allowed === true && status.denied !== true
    })

  const admitted = (asking: Asking, key: string, user: User): Admitted => ({
    name: user.username,
    known: true,
    may: (verb, namespace = '') => mayUser(asking, key, user, verb, namespace),
  })

  return {
    async admit(asking) {
      const proxied = proxy && asking.proxy && proxiedUser(asking.proxy, proxy)
      if (proxied?.kind === 'user') {
        const { username, groups } = proxied
        return admitted(asking, `user ${keyOf(JSON.stringify([username, groups]))}`, { username, groups })
      }
      // The proxy's own Authorization is not the user's.
      const token = tokenOf(proxied ? `Bearer ${proxied.token}` : asking.authorization)
      if (token === undefined) throw new WeftError('access.token', NEEDS_TOKEN)
      const user = await userOf(asking, token, isForDashboard(token) ? DASHBOARD_AUDIENCE : undefined)
      if (!user)
        throw new WeftError('access.token', 'the API server does not know the token, or it has expired')
      return admitted(asking, `token ${keyOf(token)}`, user)
    },
    async isReplica(asking) {
      const token = tokenOf(asking.authorization)
      const own = subjectOf(readToken(replicaTokenFile))
      if (token === undefined || own === undefined) return false
      const user = await userOf(asking, token, REPLICA_AUDIENCE)
      return user?.username === own
    },
    replicaAuthorization() {
      const token = readToken(replicaTokenFile)
      return token === undefined ? undefined : `Bearer ${token}`
    },
  }
}

const NEEDS_TOKEN =
  'a token is needed (of weft in WEFT_TOKEN): Authorization: Bearer TOKEN of who has a right on mesh.weft.dev, e.g. of ' +
  `\`kubectl create token NAME --audience ${DASHBOARD_AUDIENCE}\``

/** RFC 6750, section 2.1; undefined: there is none. */
function tokenOf(authorization: string | undefined): string | undefined {
  const [, token] = /^bearer +([\w.~+/-]+=*) *$/i.exec(authorization ?? '') ?? []
  return token !== undefined && token.length <= LONGEST_TOKEN ? token : undefined
}

/** Of what is unproven: it only chooses what the API server is asked. */
function isForDashboard(token: string): boolean {
  try {
    const { aud } = decodeJwt(token)
    return [aud ?? []].flat().includes(DASHBOARD_AUDIENCE)
  } catch {
    return false
  }
}

function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** `system:serviceaccount:NAMESPACE:NAME` */
function subjectOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  try {
    return decodeJwt(token).sub
  } catch {
    return undefined
  }
}

function keyOf(token: string, ...more: readonly string[]): string {
  return [createHash('sha256').update(token).digest('base64url'), ...more].join(' ')
}

/** What the API server says to a token is not repeated: it might quote it. */
function reasonOf(error: unknown, kind: string): string {
  const status = error instanceof KubernetesError ? error.status : 0
  if (status === 403) return `the control plane may not ask (RBAC: create ${kind.toLowerCase()}s)`
  return status === 0 ? 'the API server does not answer' : `the API server answered ${status}`
}

function unavailable(why: string): WeftError {
  return new WeftError('access.unavailable', `it cannot be checked now who asks: ${why}`)
}
