import type { EventEmitter } from 'events'
import http from 'http'
import http2 from 'http2'
import https from 'https'
import { carriedOf, runAs, type Carried } from './context.ts'
import { replace } from './replace.ts'

type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean

/** Events by which a server hands over a request: the first argument is the request. */
const REQUESTS: ReadonlySet<string | symbol> = new Set([
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
])

/** What a server's handlers do is part of the request that they were given. */
export function watchServers(): void {
  for (const { prototype } of [http.Server, https.Server]) replace(prototype, 'emit', asRequest)
  for (const name of ['createServer', 'createSecureServer'] as const)
    replace(http2, name, (create: (...args: unknown[]) => EventEmitter) => (...args: unknown[]) => {
      const server = create(...args)
      replace(server, 'emit', asStream)
      return server
    })
}

function asRequest(emit: Emit): Emit {
  return function (event, ...args) {
    if (!REQUESTS.has(event)) return emit.call(this, event, ...args)
    const [request, response] = args as [http.IncomingMessage?, EventEmitter?]
    const context = carriedOf(request?.headers)
    if (context && request) {
      listenAs(context, request)
      // A socket that was upgraded, or tunnels, goes on for longer than the request that asked for it.
      if (response && event !== 'upgrade' && event !== 'connect') listenAs(context, response)
    }
    return runAs(context, () => emit.call(this, event, ...args))
  }
}

/** HTTP/2, under its request and response, too: they are made of the stream inside this event. */
function asStream(emit: Emit): Emit {
  return function (event, ...args) {
    if (event !== 'stream' && event !== 'session' && event !== 'request')
      return emit.call(this, event, ...args)
    if (event === 'session') return runAs(undefined, () => emit.call(this, event, ...args))
    const [first, second] = args as [EventEmitter & { headers?: Readonly<Record<string, unknown>> }, unknown]
    // HTTP/1.1 that a server with `allowHTTP1` takes has a request and no stream.
    const headers = event === 'stream' ? (second as Readonly<Record<string, unknown>>) : first.headers
    const context = carriedOf(headers)
    if (context) {
      listenAs(context, first)
      if (event === 'request') listenAs(context, second as EventEmitter)
    }
    return runAs(context, () => emit.call(this, event, ...args))
  }
}

/** What comes of a request later (its body, its end) is told by the socket, which is no request's. */
function listenAs(context: Carried, emitter: EventEmitter): void {
  const { emit } = emitter as { readonly emit: Emit }
  Object.defineProperty(emitter, 'emit', {
    configurable: true,
    writable: true,
    value: function (this: EventEmitter, event: string | symbol, ...args: unknown[]): boolean {
      return runAs(context, () => emit.call(this, event, ...args))
    },
  })
}
