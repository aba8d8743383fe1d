import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { HttpConnection } from '../../../kubernetes/http-connection.ts'
import { WATCHED_KINDS } from '../resources.ts'

export interface RawObject {
  readonly metadata: { readonly namespace?: string; readonly name: string; readonly [more: string]: unknown }
  readonly [more: string]: unknown
}

interface Event {
  readonly version: number
  readonly path: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: RawObject
}

interface Watcher {
  readonly path: string
  readonly response: ServerResponse
  /** Sent up to here; nothing at or below it is sent. */
  position: number
}

/** What etcd holds. */
export interface Backup {
  readonly version: number
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, RawObject>>
}

/**
 * An API server as far as lists and watches go, over real HTTP: revisions, pages, bookmarks, compaction. Its clients
 * can be made to suffer.
 */
export class TestApiServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #objects = new Map<string, Map<string, RawObject>>()
  #events: Event[] = []
  #version = 100
  #oldest = 100
  readonly #watchers = new Set<Watcher>()
  readonly #pages = new Map<string, { items: RawObject[]; version: number }>()
  #pageCount = 0
  /** Paths that are answered with 404. */
  readonly absent = new Set<string>()
  /** Status for path, as an API server with RBAC rules would. */
  readonly refused = new Map<string, number>()
  /** Status for path whose watches alone are refused. */
  readonly unwatchable = new Map<string, number>()
  /** Every so many requests one is answered 500; 0: none. */
  failEvery = 0
  /** Takes connections, and neither reads nor answers. */
  frozen = false
  /** Hears every request: `list /api/v1/pods`, `watch /api/v1/pods`. */
  onRequest: (what: string, url: URL) => void = () => {}
  #requests = 0

  constructor() {
    for (const { path } of WATCHED_KINDS) this.#objects.set(path, new Map())
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  connect(): HttpConnection {
    return new HttpConnection({
      server: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`,
      namespace: 'weft-system',
      current: async () => ({ headers: {}, tls: {}, proxy: undefined }),
    })
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  get version(): number {
    return this.#version
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#watchers.size
  }

  put(kind: string, object: RawObject): void {
    const path = pathOf(kind)
    const table = this.#table(path)
    const key = keyOf(object)
    const type = table.has(key) ? 'MODIFIED' : 'ADDED'
    const version = ++this.#version
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    table.set(key, stored)
    this.#happened({ version, path, type, object: stored })
  }

  delete(kind: string, key: string): void {
    const path = pathOf(kind)
    const object = this.#table(path).get(key)
    if (!object) return
    this.#table(path).delete(key)
    const version = ++this.#version
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    this.#happened({ version, path, type: 'DELETED', object: last })
  }

  /** Sends the last events again, but for the very last ones. */
  repeat(count: number, butLast = 0): void {
    for (const event of this.#events.slice(-count, this.#events.length - butLast)) {
      for (const watcher of this.#watchers) if (watcher.path === event.path) write(watcher, event)
    }
  }

  bookmark(): void {
    for (const { response } of this.#watchers) {
      const object = { metadata: { resourceVersion: String(this.#version) } }
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
    }
  }

  /** Forgets what happened: who is behind cannot go on, and pages that were begun are gone. */
  compact(): void {
    this.#oldest = this.#version
    this.#events = []
    this.#pages.clear()
  }

  backup(): Backup {
    return {
      version: this.#version,
      objects: new Map([...this.#objects].map(([path, table]) => [path, new Map(table)])),
    }
  }

  /** As etcdctl does: the content and the revision of then. Who watches is cut off, or, in silence, is not. */
  restore({ version, objects }: Backup, silent: boolean): void {
    this.#objects = new Map([...objects].map(([path, table]) => [path, new Map(table)]))
    this.#version = version
    this.#oldest = version
    this.#events = []
    this.#pages.clear()
    if (!silent) this.restart()
  }

  /** Cuts every connection. */
  restart(): void {
    this.#watchers.clear()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Ends every watch in order, as at its timeout. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end()
    this.#watchers.clear()
  }

  /** Cuts every watch within an event. */
  cutWatches(): void {
    for (const { response } of this.#watchers)
      response.write('{"type":"MODIFIED","obj', () => response.destroy())
    this.#watchers.clear()
  }

  /** No watch that is open now says anything any more. */
  muteWatches(): void {
    this.#watchers.clear()
  }

  #table(path: string): Map<string, RawObject> {
    const table = this.#objects.get(path)
    if (!table) throw new Error(`no such path: ${path}`)
    return table
  }

  #happened(event: Event): void {
    this.#events.push(event)
    for (const watcher of this.#watchers) {
      // As a real one does: what is not newer than what was asked from is not sent.
      if (watcher.path !== event.path || event.version <= watcher.position) continue
      watcher.position = event.version
      write(watcher, event)
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.frozen) return
    const url = new URL(request.url ?? '/', 'http://server')
    const path = url.pathname
    const watch = url.searchParams.get('watch') === 'true'
    this.onRequest(`${watch ? 'watch' : 'list'} ${path}`, url)
    this.#requests++
    const refuse = (code: number, reason: string): void => {
      response.statusCode = code
      response.end(JSON.stringify({ kind: 'Status', code, reason, message: `${reason} by the test` }))
    }
    if (this.failEvery > 0 && this.#requests % this.failEvery === 0) return refuse(500, 'InternalError')
    const status = this.refused.get(path) ?? (watch ? this.unwatchable.get(path) : undefined)
    if (status !== undefined) return refuse(status, 'Forbidden')
    if (this.absent.has(path) || !this.#objects.has(path)) return refuse(404, 'NotFound')
    if (watch) this.#watch(path, url.searchParams, response)
    else this.#list(path, url.searchParams, response, refuse)
  }

  #list(
    path: string,
    query: URLSearchParams,
    response: ServerResponse,
    refuse: (code: number, reason: string) => void,
  ): void {
    const token = query.get('continue')
    const limit = Number(query.get('limit') ?? Infinity)
    const rest =
      token === null
        ? { items: [...this.#table(path).values()], version: this.#version }
        : this.#pages.get(token)
    if (!rest) return refuse(410, 'Expired')
    const items = rest.items.slice(0, limit)
    const left = rest.items.slice(limit)
    const next = left.length === 0 ? undefined : `page-${this.#pageCount++}`
    if (next !== undefined) this.#pages.set(next, { items: left, version: rest.version })
    const metadata = {
      resourceVersion: String(rest.version),
      ...(next === undefined ? {} : { continue: next }),
    }
    // An empty list of Go is null.
    response.end(JSON.stringify({ kind: 'List', metadata, items: items.length === 0 ? null : items }))
  }

  #watch(path: string, query: URLSearchParams, response: ServerResponse): void {
    const position = Number(query.get('resourceVersion'))
    response.flushHeaders()
    if (position < this.#oldest) {
      const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }
      response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
      return
    }
    const watcher = { path, response, position }
    this.#watchers.add(watcher)
    response.on('close', () => this.#watchers.delete(watcher))
    for (const event of this.#events) {
      if (event.path !== path || event.version <= watcher.position) continue
      watcher.position = event.version
      write(watcher, event)
    }
  }
}

function write({ response }: Watcher, { type, object }: Event): void {
  response.write(`${JSON.stringify({ type, object })}\n`)
}

function pathOf(kind: string): string {
  const found = WATCHED_KINDS.find((one) => one.kind === kind)
  if (!found) throw new Error(`no such kind: ${kind}`)
  return found.path
}

function keyOf({ metadata: { namespace, name } }: RawObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}
