import { readFile } from 'node:fs/promises'
import { Agent } from 'undici'
import { describeError, WeftError } from '../../../core/errors.ts'
import { limitedText } from '../../../core/limited-body.ts'
import type { TracingAddress } from './tracing-address.ts'

export interface QuestionLimits {
  /** For a question with all the requests that it takes; milliseconds. */
  readonly timeoutMs: number
  /** Of all its answers. */
  readonly maxBytes: number
  /** Questions at once; what comes beyond is refused. */
  readonly maxQuestions: number
}

export const QUESTION_LIMITS: QuestionLimits = {
  timeoutMs: 5000,
  maxBytes: 16 * 1024 * 1024,
  maxQuestions: 8,
}

/** GET of a path below the address: what its JSON is. Undefined: 404. Throws WeftError `outside.failed`. */
export type Get = (path: string, query?: Readonly<Record<string, string>>) => Promise<unknown>

export interface BoundedQuestions {
  /** Rejects with WeftError `outside.failed`, whose text has nothing of what was answered. */
  ask<T>(question: (get: Get) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const CONNECTIONS = 8

/** Asks one server, of which nothing is believed: bounded in time, bytes and number, and never led elsewhere. */
export function boundedQuestions(
  { url, tokenFile, caFile }: TracingAddress,
  limits: QuestionLimits = QUESTION_LIMITS,
): BoundedQuestions {
  let open = 0
  let agent: { readonly ca: string | undefined; readonly agent: Agent } | undefined
  const agentNow = (ca: string | undefined): Agent => {
    if (agent?.ca === ca && agent) return agent.agent
    // What is asked over the one before goes on to its end.
    void agent?.agent.close()
    agent = {
      ca,
      agent: new Agent({
        connections: CONNECTIONS,
        allowH2: false,
        ...(ca === undefined ? {} : { connect: { ca } }),
      }),
    }
    return agent.agent
  }
  const begin = async (signal: AbortSignal): Promise<Get> => {
    const token = tokenFile === undefined ? undefined : (await textOf('--tracing-token', tokenFile)).trim()
    const ca = caFile === undefined ? undefined : await textOf('--tracing-ca', caFile)
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
      throw failure('the file of --tracing-token has no token')
    const dispatcher = agentNow(ca)
    const base = new URL(url)
    let left = limits.maxBytes
    return async (path, query = {}) => {
      const search = new URLSearchParams(query).toString()
      const { statusCode, body } = await dispatcher.request({
        origin: base.origin,
        path: `${base.pathname.replace(/\/$/, '')}${path}${search === '' ? '' : `?${search}`}`,
        method: 'GET',
        headers: {
          accept: 'application/json',
          'user-agent': 'weft',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        signal,
      })
      if (statusCode !== 200) {
        body.on('error', () => {}).destroy()
        if (statusCode === 404) return undefined
        if (statusCode >= 300 && statusCode < 400)
          throw failure(`it leads elsewhere (${statusCode}), which is not followed`)
        throw failure(`it answered with ${statusCode}`)
      }
      const text = await limitedText({ body: body as unknown as Response['body'] }, left)
      left -= Buffer.byteLength(text)
      try {
        return JSON.parse(text) as unknown
      } catch {
        throw failure('its answer is no JSON')
      }
    }
  }
  return {
    async ask(question) {
      if (open >= limits.maxQuestions) throw failure(`${open} questions wait for it already`)
      open++
      const ended = new AbortController()
      const signal = AbortSignal.any([AbortSignal.timeout(limits.timeoutMs), ended.signal])
      try {
        return await question(await begin(signal))
      } catch (error) {
        if (signal.aborted) throw failure(`it did not answer within ${limits.timeoutMs / 1000} s`)
        if (error instanceof WeftError && error.code === 'http.too_large')
          throw failure(`its answers have more than ${limits.maxBytes} bytes`)
        throw error instanceof WeftError ? error : failure(reasonOf(error))
      } finally {
        open--
        // Of several requests one has failed: the others are of no use.
        ended.abort()
      }
    },
    close: async () => agent?.agent.destroy(),
  }
}

export function failure(message: string): WeftError {
  return new WeftError('outside.failed', message)
}

async function textOf(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw failure(`the file of ${flag} cannot be read`)
  }
}

/** Of undici, whose own text may be empty. */
function reasonOf(error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return describeError(cause) || code
}
