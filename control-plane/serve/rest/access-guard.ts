import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  API_ACTION_HEADER,
  API_TOKEN_HEADER,
  PROXY_SECRET_HEADER,
  READY_PATH,
} from '../../../core/contract.ts'
import { WeftError } from '../../../core/errors.ts'
import {
  mayOf,
  type Access,
  type AccessVerb,
  type Admitted,
  type Asking,
  type May,
} from '../access/access.ts'
import { REPLICA_PATH } from '../answers/ask-all.ts'
import type { ProxyFields } from '../access/proxied-user.ts'
import { REPLICA_TAP_PATH } from '../tap/replica-tap.ts'
import { failure } from './failure.ts'
import type { Query } from './parameters.ts'

/** Who asked, once the guard let them in. */
export interface AccessGuard {
  /** In the log's words. */
  name(request: FastifyRequest): string
  may(request: FastifyRequest): Promise<May>
  /** See Admitted. */
  known(request: FastifyRequest): boolean
  /** Whether the one whose answer goes on and on would be let in now. */
  stillMay(request: FastifyRequest): Promise<boolean>
  /** The same of another replica. */
  stillReplica(request: FastifyRequest): Promise<boolean>
}

export interface AccessGuardOptions {
  readonly access: () => Access
  /** Paths of the page itself, which has nothing of the mesh in it, and asks for the token. */
  readonly page: Iterable<string>
}

/** Probes, and roots, which are public (docs/identity.md). */
const OPEN = ['/live', READY_PATH, '/api/trust-bundle']
/** What replicas ask each other, and nobody else. */
const REPLICAS = new Set([REPLICA_PATH, REPLICA_TAP_PATH, '/api/questions', '/api/canary-counts'])
export const CANARY_ACTION_PATH = '/api/canaries/:namespace/:name/:action'

/**
 * Asks before each page whether its caller may. What is not named here takes `view`: a page that somebody adds, one that is not
 * there, `/metrics`. Actions need API_ACTION_HEADER besides, whoever asks. 401: nobody knows who asks; 403: somebody who may not; 503: it
 * cannot be checked.
 */
export function guardAccess(app: FastifyInstance, { access, page }: AccessGuardOptions): AccessGuard {
  const open = new Set([...OPEN, ...page])
  const admitted = new WeakMap<FastifyRequest, Admitted>()
  const of = (request: FastifyRequest): Admitted => {
    const found = admitted.get(request)
    if (found) return found
    throw new WeftError('access.token', 'this page asks nobody for a token')
  }

  app.addHook('onRequest', async (request, reply) => {
    const path = request.routeOptions.url ?? ''
    if (open.has(path)) return
    if (path === CANARY_ACTION_PATH && (request.headers[API_ACTION_HEADER] ?? '') === '') {
      const message = `takes the header ${API_ACTION_HEADER} with the name of what sends it, which no other site's page can send`
      return reply.code(403).send(failure('api.client', message, undefined))
    }
    try {
      if (REPLICAS.has(path)) {
        if (await access().isReplica(askingOf(request))) return
        const message = 'only replicas of this control plane ask here, by a token of their ServiceAccount'
        return await reply.code(403).send(failure('access.replica', message, undefined))
      }
      const one = await access().admit(askingOf(request))
      const need = needOf(request, path)
      if (!(await one.may(need.verb, need.namespace))) return await reply.code(403).send(denied(one, need))
      admitted.set(request, one)
    } catch (error) {
      return refuse(reply, error)
    }
  })

  return {
    name: (request) => of(request).name,
    may: (request) => mayOf(of(request)),
    known: (request) => of(request).known,
    stillMay: async (request) => {
      try {
        const { verb, namespace } = needOf(request, request.routeOptions.url ?? '')
        return await (await access().admit(askingOf(request))).may(verb, namespace)
      } catch {
        return false
      }
    },
    stillReplica: (request) => access().isReplica(askingOf(request)),
  }
}

interface Need {
  readonly verb: AccessVerb
  readonly namespace?: string | undefined
}

function needOf(request: FastifyRequest, path: string): Need {
  if (path === CANARY_ACTION_PATH) return { verb: 'act', namespace: nameIn(request.params) }
  if (path === '/api/tap') return { verb: 'tap', namespace: nameIn(request.query) }
  return { verb: 'view' }
}

/** Undefined for what is no name, which the page refuses: then the right in all namespaces is asked for. */
function nameIn(values: unknown): string | undefined {
  const name = (values as Query | undefined)?.['namespace']
  return typeof name === 'string' && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) ? name : undefined
}

function askingOf({ headers, socket, raw }: FastifyRequest): Asking {
  const token = headers[API_TOKEN_HEADER]
  return {
    authorization: headers.authorization ?? (typeof token === 'string' ? token : undefined),
    address: socket.remoteAddress ?? '',
    forwarded: ['forwarded', 'via', 'x-forwarded-for'].some((name) => headers[name] !== undefined),
    proxy: proxyFieldsOf(raw.rawHeaders),
  }
}

/** As they came: Node.js puts fields of one name together. */
function proxyFieldsOf(raw: readonly string[]): ProxyFields {
  const of = (wanted: string): string[] =>
    raw.flatMap((name, at) => {
      const value = raw[at + 1]
      return at % 2 === 0 && value !== undefined && name.toLowerCase() === wanted ? [value] : []
    })
  return {
    secret: of(PROXY_SECRET_HEADER),
    user: of('x-forwarded-user'),
    groups: of('x-forwarded-groups'),
    accessToken: of('x-forwarded-access-token'),
  }
}

function denied({ name }: Admitted, { verb, namespace }: Need): object {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`
  const message = `${name} may not ${verb}${where}: by RBAC that is the verb ${verb} on resource mesh of group weft.dev`
  return failure(
    'access.denied',
    verb === 'act'
      ? `${message}, and without --http-auth kubernetes nobody has it from elsewhere than the control plane's own machine`
      : message,
    undefined,
  )
}

function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof WeftError) || !error.code.startsWith('access.')) throw error
  if (error.code === 'access.token') reply.code(401).header('www-authenticate', 'Bearer')
  else reply.code(503)
  return reply.send(failure(error.code, error.message, undefined))
}
