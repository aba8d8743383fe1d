import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Coverage } from '../../../core/api/coverage.ts'
import type { Question } from '../../../core/api/explanation.ts'
import { API_CLIENT_HEADER } from '../../../core/contract.ts'
import { WeftError } from '../../../core/errors.ts'
import type { AskProxy } from '../../explain/ask-proxy.ts'
import { explainQuestion, type Explaining } from '../../explain/explain-question.ts'
import { explainTrace, type TraceSpans } from '../../explain/explain-trace.ts'
import { failure } from './failure.ts'
import { noTrace } from './no-trace.ts'
import { onlyParameters, traceIdParameter, type Query } from './parameters.ts'

export interface ExplainPagesOptions {
  readonly explaining: Explaining
  /** Of proxies that are connected to this replica. */
  readonly own: AskProxy
}

/** A trace of all replicas, and who did not answer. */
export type FindTrace = (
  traceId: string,
) => Promise<{ readonly trace: TraceSpans | undefined; readonly coverage: Coverage }>

const LONGEST_BODY = 128 * 1024
/** Explanations at once: each asks one proxy or several. */
const MOST_AT_ONCE = 16
const POD = /^[a-z0-9][-a-z0-9]{0,62}\/[a-z0-9][-a-z0-9.]{0,252}$/

/**
 * What would become of a request, and why: `POST /api/explain` with a Question, `GET` with `from`, `to`, `method` and `headers` (a
 * JSON object), and of one that happened `GET /api/explain/TRACE_ID`. `POST /api/questions` is for other replicas, whose
 * proxies are connected here.
 */
export function explainPages(
  app: FastifyInstance,
  { explaining, own }: ExplainPagesOptions,
  find: FindTrace,
): void {
  let running = 0
  const answer = async (reply: FastifyReply, work: () => Promise<unknown>): Promise<FastifyReply> => {
    if (running >= MOST_AT_ONCE)
      return reply
        .code(503)
        .send(failure('explain.busy', 'too many explanations at once: ask again', undefined))
    running++
    try {
      return await reply.send(await work())
    } catch (error) {
      if (!(error instanceof WeftError)) throw error
      const known = /^(explain|questions)\./.test(error.code)
      if (!known) throw error
      const status = error.code.startsWith('explain.') ? 400 : error.code === 'questions.no_proxy' ? 404 : 502
      return reply.code(status).send(failure(error.code, error.message, error.field))
    } finally {
      running--
    }
  }

  app.post('/api/explain', { bodyLimit: LONGEST_BODY }, (request, reply) =>
    answer(reply, async () => explainQuestion(readQuestion(request.body), explaining)),
  )
  app.get('/api/explain', (request, reply) => {
    const query = request.query as Query
    onlyParameters(query, ['from', 'to', 'method', 'headers'])
    const { headers, ...rest } = query
    return answer(reply, async () =>
      explainQuestion(
        readQuestion({ ...rest, headers: headers === undefined ? {} : parsed(headers) }),
        explaining,
      ),
    )
  })
  app.get('/api/explain/:id', (request, reply) => {
    onlyParameters(request.query as Query, [])
    const id = traceIdParameter((request.params as Query)['id'], 'id')
    return answer(reply, async () => {
      const { trace, coverage } = await find(id)
      if (trace) return explainTrace(id, trace, explaining)
      return void reply.code(404).send(noTrace(coverage))
    })
  })
  app.post('/api/questions', { bodyLimit: LONGEST_BODY }, (request, reply) => {
    // A web page can't send this header to another host.
    if (request.headers[API_CLIENT_HEADER] === undefined)
      return reply.code(403).send(failure('api.client', 'only for control planes', undefined))
    const { pod, kind, question } = (request.body ?? {}) as Readonly<Record<string, unknown>>
    return answer(reply, async () => {
      if (typeof pod !== 'string' || !POD.test(pod) || (kind !== 'explain' && kind !== 'endpoints'))
        throw new WeftError(
          'explain.question',
          'must be of kind "explain" or "endpoints", of a pod NAMESPACE/NAME',
        )
      return own(pod, kind, question)
    })
  })
}

function readQuestion(body: unknown): Question {
  const { from, to, method = '', headers = {} } = (body ?? {}) as Readonly<Record<string, unknown>>
  if (typeof from !== 'string') throw bad('from', 'is required: NAMESPACE/WORKLOAD or NAMESPACE/POD')
  if (typeof to !== 'string') throw bad('to', 'is required: a URL such as http://catalog.shop:8080/items/7')
  if (typeof method !== 'string') throw bad('method', 'must be a text such as GET')
  const isMap = typeof headers === 'object' && headers !== null && !Array.isArray(headers)
  if (!isMap || !Object.values(headers).every((value) => typeof value === 'string'))
    throw bad('headers', 'must be an object of names and values')
  return { from, to, method, headers: headers as Readonly<Record<string, string>> }
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    throw bad('headers', 'must be a JSON object of names and values')
  }
}

function bad(field: string, message: string): WeftError {
  return new WeftError('explain.asked', message, { field })
}
