import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { formatRequest, type CanaryAction } from '../../canary/requests.ts'
import { CANARY_ACTION_PATH, type AccessGuard } from './access-guard.ts'
import { failure } from './failure.ts'
import { flagParameter, nameParameter, onlyParameters, wordParameter, type Query } from './parameters.ts'

/** Hands on what somebody asks of a Canary (`formatRequest`). Throws WeftError `canary.none` where there is none of that name. */
export type AskCanary = (namespace: string, name: string, request: string, by: string) => Promise<void>

export interface CanaryActionsOptions {
  readonly guard: AccessGuard
  readonly ask: AskCanary
  readonly clock: Clock
}

const ACTIONS = { promote: 'promote', pause: 'pause', resume: 'resume', rollback: 'abort' } as const
const WORDS = Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]

/**
 * `POST /api/canaries/NAMESPACE/NAME/{promote,pause,resume,rollback}`, as `weft canary` asks; `promote?full=true` gives the new
 * version all requests. 202: the Canary acts within moments, and /api/canaries says what came of it.
 */
export function canaryActions(app: FastifyInstance, { guard, ask, clock }: CanaryActionsOptions): void {
  app.post(CANARY_ACTION_PATH, { bodyLimit: 1024 }, async (request, reply) => {
    const of = request.params as Query
    const namespace = nameParameter(of, 'namespace')
    const name = nameParameter(of, 'name')
    const word = wordParameter(of, 'action', WORDS)
    const query = request.query as Query
    onlyParameters(query, word === 'promote' ? ['full'] : [])
    const action: CanaryAction = flagParameter(query, 'full') ? 'promote-full' : ACTIONS[word]
    const asked = formatRequest(action, clock.now())
    try {
      await ask(namespace, name, asked, guard.name(request))
    } catch (error) {
      if (!(error instanceof WeftError) || !error.code.startsWith('canary.')) throw error
      const status = error.code === 'canary.none' ? 404 : 502
      return reply.code(status).send(failure(error.code, error.message, undefined))
    }
    return reply.code(202).send({ namespace, name, request: asked })
  })
}
