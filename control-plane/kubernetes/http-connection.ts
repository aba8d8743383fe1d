import { Agent, ProxyAgent, type Dispatcher } from 'undici'
import { WeftError } from '../../core/errors.ts'
import { noAnswer, reasonOf, refusal, type Asked } from './api-error.ts'
import { targetOf, type ApiQuery } from './api-path.ts'
import type { ApiRequest, KubernetesConnection, WatchEvent, WatchRequest } from './connection.ts'
import type { Credentials, CurrentCredentials } from './credentials.ts'
import { LineReader } from './line-reader.ts'

const TIMEOUT_MS = 30_000
const CONNECT_MS = 5000

/** A thousand proxies that come at once are a thousand TokenReviews: they share these, and wait for their turn. */
const REQUEST_CONNECTIONS = 16

interface Agents {
  /** What they were made from. */
  readonly from: string
  readonly requests: Dispatcher
  readonly watches: Dispatcher
}

/** HTTP/1.1 to one API server: each watch has a connection of its own, so that none can hold up another. */
export class HttpConnection implements KubernetesConnection {
  readonly server: string
  readonly namespace: string
  readonly #credentials: Credentials
  readonly #closing = new AbortController()
  #agents: Agents | undefined

  constructor(credentials: Credentials) {
    this.#credentials = credentials
    this.server = credentials.server
    this.namespace = credentials.namespace
  }

  async request(request: ApiRequest): Promise<unknown> {
    const { method, path, query, body, contentType = 'application/json', timeoutMs = TIMEOUT_MS } = request
    const asked = { server: this.server, path, target: targetOf(method, path, query) }
    const sent = body === undefined ? null : JSON.stringify(body)
    const headers = {
      ...(request.text && { accept: '*/*' }),
      ...request.headers,
      ...(sent !== null && { 'content-type': contentType }),
    }
    const signals = [this.#closing.signal, AbortSignal.timeout(timeoutMs)]
    const signal = AbortSignal.any(request.signal ? [...signals, request.signal] : signals)
    try {
      const options = { method, path: pathOf(path, query), headers, body: sent, signal }
      const answer = await this.#send('requests', options)
      const text = await answer.body.text()
      if (answer.statusCode >= 300) throw refusalOf(asked, answer, text)
      if (text === '') return undefined
      return request.text ? text : (JSON.parse(text) as unknown)
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw noAnswer(asked, 'malformed', `the answer is no JSON: ${error.message}`, error)
      }
      throw this.#explain(asked, error, request.signal, timeoutMs)
    }
  }

  async watch(request: WatchRequest, onEvent: (event: WatchEvent) => void): Promise<void> {
    const { path, silenceMs, timeoutMs = TIMEOUT_MS } = request
    const query = { ...request.query, watch: true }
    const asked = { server: this.server, path, target: targetOf('GET', path, query) }
    const signals = [this.#closing.signal, ...(request.signal ? [request.signal] : [])]
    try {
      const answer = await this.#send('watches', {
        method: 'GET',
        path: pathOf(path, query),
        signal: AbortSignal.any(signals),
        headersTimeout: timeoutMs,
        bodyTimeout: silenceMs,
      })
      if (answer.statusCode >= 300) throw refusalOf(asked, answer, await answer.body.text())
      request.onOpen?.()
      const lines = new LineReader()
      for await (const chunk of answer.body) {
        lines.push(chunk as Buffer, (line) => onEvent(eventOf(asked, line)))
      }
      // RFC 9112 section 8: a chunked body that ends early is an error of its own; half a line is none of it.
      if (lines.pending > 0) throw noAnswer(asked, 'unreachable', 'the stream ended within an event')
    } catch (error) {
      const isSilent = error instanceof Error && error.name === 'BodyTimeoutError'
      throw this.#explain(asked, error, request.signal, isSilent ? silenceMs : timeoutMs)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.#agents?.requests.destroy(), this.#agents?.watches.destroy()])
  }

  /** A token may rotate between its reading and its check: a 401 is asked again once. */
  async #send(over: 'requests' | 'watches', options: Outgoing): Promise<Dispatcher.ResponseData> {
    const answer = await this.#sendOnce(over, options)
    if (answer.statusCode !== 401) return answer
    await answer.body.dump()
    return this.#sendOnce(over, options)
  }

  async #sendOnce(over: 'requests' | 'watches', options: Outgoing): Promise<Dispatcher.ResponseData> {
    const current = await this.#credentials.current()
    const { origin, pathname } = new URL(this.server)
    return this.#agentsFor(current)[over].request({
      ...options,
      origin,
      path: `${pathname === '/' ? '' : pathname}${options.path}`,
      headers: {
        accept: 'application/json',
        'user-agent': 'weft',
        ...current.headers,
        ...(options.headers as Record<string, string> | undefined),
      },
    })
  }

  /** Another one when the CA or the client certificate was replaced; what runs on the one before goes on. */
  #agentsFor({ tls, proxy }: CurrentCredentials): Agents {
    const from = JSON.stringify([tls, proxy])
    if (this.#agents?.from === from) return this.#agents
    const before = this.#agents
    const agent = (connections: number | null): Dispatcher =>
      proxy
        ? new ProxyAgent({ uri: proxy, requestTls: tls, allowH2: false, connections })
        : new Agent({
            connect: { ...tls, timeout: CONNECT_MS, keepAliveInitialDelay: 15_000 },
            allowH2: false,
            connections,
          })
    this.#agents = { from, requests: agent(REQUEST_CONNECTIONS), watches: agent(null) }
    void before?.requests.close()
    void before?.watches.close()
    return this.#agents
  }

  #explain(asked: Asked, error: unknown, signal: AbortSignal | undefined, timeoutMs: number): WeftError {
    if (error instanceof WeftError) return error
    if (this.#closing.signal.aborted || signal?.aborted) return noAnswer(asked, 'aborted', 'given up', error)
    const name = error instanceof Error ? error.name : ''
    if (name === 'TimeoutError' || name === 'HeadersTimeoutError' || name === 'BodyTimeoutError') {
      return noAnswer(asked, 'timeout', `nothing came for ${Math.round(timeoutMs) / 1000} s`, error)
    }
    return noAnswer(asked, 'unreachable', reasonOf(error), error)
  }
}

type Outgoing = Omit<Dispatcher.RequestOptions, 'origin'>

function refusalOf(asked: Asked, answer: Dispatcher.ResponseData, text: string): WeftError {
  const after = answer.headers['retry-after']
  return refusal(asked, answer.statusCode, text, typeof after === 'string' ? after : undefined)
}

function pathOf(path: string, query: ApiQuery = {}): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query))
    if (value !== undefined) parameters.set(key, String(value))
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`
}

const TYPES: readonly unknown[] = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']

function eventOf(asked: Asked, line: string): WatchEvent {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw noAnswer(asked, 'malformed', `an event is no JSON: ${reasonOf(error)}`, error)
  }
  const event = value as Partial<WatchEvent> | null
  if (typeof event !== 'object' || event === null || !TYPES.includes(event.type)) {
    throw noAnswer(asked, 'malformed', `not an event of a watch: ${line.slice(0, 100)}`)
  }
  return event as WatchEvent
}
