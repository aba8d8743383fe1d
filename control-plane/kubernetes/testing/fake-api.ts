import { randomUUID } from 'node:crypto'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { HttpConnection } from '../http-connection.ts'
import { targetOf } from '../api-path.ts'

export interface ApiObject {
  apiVersion?: string
  kind?: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    [field: string]: unknown
  }
  [field: string]: unknown
}

/** What was asked: `PUT /api/v1/...`. */
export type Asked = string

type Hook = (
  asked: Asked,
  body: unknown,
  headers?: IncomingHttpHeaders,
  query?: URLSearchParams,
) => { status: number; body?: unknown } | 'hang' | undefined

/**
 * The part of an API server that writers meet, over real HTTP: objects by path, optimistic concurrency, apply (maps
 * merge, lists are replaced), JSON merge, watch. What only the real one knows (schemas, field managers, RBAC) is
 * tried in e2e/kubernetes.
 */
export class FakeApi {
  readonly objects = new Map<string, ApiObject>()
  /** Every POST, PUT, PATCH and DELETE that was taken, whether it changed something or not. */
  readonly writes: Asked[] = []
  readonly asked: Asked[] = []
  /** Answers instead, when it answers. */
  hook: Hook = () => undefined
  /** Takes requests to speak another protocol, as a port-forward makes them. */
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void = (_request, socket) => {
    socket.destroy()
  }
  /** Waited for before an answer. */
  hold: (asked: Asked) => Promise<void> = async () => {}
  /** Requests that were left without an answer. */
  hanging = 0
  readonly #server: Server
  readonly #history: { version: number; type: string; path: string; object: ApiObject }[] = []
  readonly #watches = new Set<{ prefix: string; name: string | undefined; response: ServerResponse }>()
  #version = 100

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head))
  }

  static async start(t: Test): Promise<FakeApi> {
    const api = new FakeApi()
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      api.#server.closeAllConnections()
      api.#server.close()
    })
    return api
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  connect(t: Test): HttpConnection {
    const connection = new HttpConnection({
      server: this.url,
      namespace: 'weft-system',
      current: async () => ({ headers: {}, tls: {}, proxy: undefined }),
    })
    t.teardown(() => connection.close())
    return connection
  }

  get(path: string): ApiObject | undefined {
    return this.objects.get(path)
  }

  /** As somebody else would write it: not among `writes`. */
  put(path: string, object: Record<string, unknown>): ApiObject {
    return this.#store(path, object as ApiObject)
  }

  remove(path: string): void {
    const object = this.objects.get(path)
    if (!object) return
    this.objects.delete(path)
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) }
    this.#tell('DELETED', path, { ...object, metadata })
  }

  /** Ends every watch, as a restart does, or with an ERROR event, as after a compaction. */
  breakWatches(error?: unknown): void {
    for (const { response } of this.#watches) {
      if (error === undefined) response.destroy()
      else response.end(`${JSON.stringify({ type: 'ERROR', object: error })}\n`)
    }
  }

  get watches(): number {
    return this.#watches.size
  }

  #store(path: string, object: ApiObject): ApiObject {
    const before = this.objects.get(path)
    const [, namespace] = /\/namespaces\/([^/]+)\//.exec(path) ?? []
    const metadata = {
      uid: before?.metadata.uid ?? randomUUID(),
      ...object.metadata,
      name: path.slice(path.lastIndexOf('/') + 1),
      ...(namespace && { namespace }),
      resourceVersion: before?.metadata.resourceVersion ?? '',
    }
    const stored: ApiObject = { ...object, metadata }
    if (before && JSON.stringify(before) === JSON.stringify(stored)) return before
    stored.metadata.resourceVersion = String(++this.#version)
    this.objects.set(path, stored)
    this.#tell(before ? 'MODIFIED' : 'ADDED', path, stored)
    return stored
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const url = new URL(request.url ?? '/', 'http://fake')
    const method = request.method ?? 'GET'
    const asked = `${method} ${url.pathname}`
    const body = text === '' ? undefined : (JSON.parse(text) as ApiObject)
    this.asked.push(asked)
    await this.hold(asked)
    const hooked = this.hook(asked, body, request.headers, url.searchParams)
    if (hooked === 'hang') {
      this.hanging++
      response.on('close', () => this.hanging--)
      return
    }
    if (hooked) return answer(response, hooked.status, hooked.body ?? statusBody(hooked.status, 'Hooked'))
    if (url.searchParams.get('watch') === 'true') return this.#watch(url, response)
    const { status, body: result } = this.#answer(method, url, body)
    answer(response, status, result)
  }

  #answer(method: string, url: URL, body: ApiObject | undefined): { status: number; body: unknown } {
    const status = url.pathname.endsWith('/status')
    const path = status ? url.pathname.slice(0, -'/status'.length) : url.pathname
    const target = targetOf(method, path)
    const found = this.objects.get(path)
    if (method === 'GET' && target.verb === 'list') return { status: 200, body: this.#list(url) }
    if (method === 'POST') {
      const at = `${path}/${body?.metadata.name}`
      if (this.objects.has(at)) return refuse(409, 'AlreadyExists')
      return this.#changed(`POST ${at}`, at, body as ApiObject, 201)
    }
    if (!found && method !== 'PATCH') return refuse(404, 'NotFound')
    if (method === 'GET') return { status: 200, body: found }
    if (method === 'DELETE') {
      this.writes.push(`DELETE ${path}`)
      this.remove(path)
      return { status: 200, body: found }
    }
    if (Array.isArray(body)) {
      const patched = found && jsonPatch(found, body as unknown as Operation[])
      if (!patched) return refuse(422, 'Invalid')
      return this.#changed(`PATCH ${path}`, path, patched, 200)
    }
    const sent = body as ApiObject
    const { metadata }: Partial<ApiObject> = sent
    const expected = metadata?.resourceVersion
    if (expected && expected !== found?.metadata.resourceVersion) return refuse(409, 'Conflict')
    if (method === 'PUT') return this.#changed(`PUT ${path}`, path, sent, 200)
    if (!found && status) return refuse(404, 'NotFound')
    return this.#changed(`PATCH ${url.pathname}`, path, merge(found ?? {}, sent) as ApiObject, 200)
  }

  #changed(
    asked: Asked,
    path: string,
    object: ApiObject,
    status: number,
  ): { status: number; body: ApiObject } {
    this.writes.push(asked)
    return { status, body: this.#store(path, object) }
  }

  /** `/api/v1/configmaps` lists those of every namespace. */
  #matches(collection: string, name: string | null | undefined, path: string): boolean {
    const at = path.slice(0, path.lastIndexOf('/'))
    const everywhere = at.replace(/\/namespaces\/[^/]+\//, '/')
    if (at !== collection && everywhere !== collection) return false
    return !name || path.endsWith(`/${name}`)
  }

  #list(url: URL): unknown {
    const name = nameSelector(url)
    const items = [...this.objects].filter(([path]) => this.#matches(url.pathname, name, path))
    return {
      kind: 'List',
      metadata: { resourceVersion: String(this.#version) },
      items: items.map(([, object]) => object),
    }
  }

  #watch(url: URL, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const watch = { prefix: url.pathname, name: nameSelector(url), response }
    this.#watches.add(watch)
    response.on('close', () => this.#watches.delete(watch))
    const since = Number(url.searchParams.get('resourceVersion') ?? '0')
    for (const { version, type, path, object } of this.#history) {
      if (version > since && this.#matches(watch.prefix, watch.name, path)) send(response, type, object)
    }
  }

  #tell(type: string, path: string, object: ApiObject): void {
    this.#history.push({ version: this.#version, type, path, object })
    for (const { prefix, name, response } of this.#watches) {
      if (this.#matches(prefix, name, path)) send(response, type, object)
    }
  }
}

function send(response: ServerResponse, type: string, object: ApiObject): void {
  response.write(`${JSON.stringify({ type, object })}\n`)
}

function nameSelector(url: URL): string | undefined {
  return /^metadata\.name=(.+)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1]
}

function refuse(status: number, reason: string): { status: number; body: unknown } {
  return { status, body: statusBody(status, reason) }
}

function statusBody(code: number, reason: string): unknown {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `fake: ${reason}`, reason, code }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  // A log is text.
  response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

interface Operation {
  readonly op: string
  readonly path: string
  readonly value: unknown
}

/** `test` and `add` of RFC 6902; undefined when a test fails. */
function jsonPatch(object: ApiObject, operations: readonly Operation[]): ApiObject | undefined {
  const copy = structuredClone(object)
  for (const { op, path, value } of operations) {
    const steps = path.split('/').slice(1)
    const last = steps.pop() ?? ''
    let at: unknown = copy
    for (const step of steps) at = (at as Record<string, unknown> | undefined)?.[step]
    const target = at as Record<string, unknown> | undefined
    if (!target || (op === 'test' && target[last] !== value)) return undefined
    if (op === 'add') target[last] = value
  }
  return copy
}

function merge(into: unknown, from: unknown): unknown {
  const plain = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!plain(into) || !plain(from)) return from
  const result: Record<string, unknown> = { ...into }
  for (const [key, value] of Object.entries(from)) result[key] = merge(into[key], value)
  return result
}
