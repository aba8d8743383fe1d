import type { EventEmitter } from 'events'
import http from 'http'
import http2 from 'http2'
import https from 'https'
import { applyAs, carriedOf, type Carried } from './context.ts'
import { replace } from './replace.ts'

type Event = string | symbol
type Emit = (this: EventEmitter, ...args: [event: Event, ...values: unknown[]]) => boolean

/** Events by which a server hands over a request: the first argument is the request. */
const REQUESTS: ReadonlySet<Event> = new Set([
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
])

/** Under which a request and its response know what they are part of. */
const CONTEXT = Symbol('weft.dev/stitch-traces')

/** What a server's handlers do is part of the request that they were given. */
export function watchServers(): void {
  for (const { prototype } of [http.Server, https.Server]) replace(prototype, 'emit', asRequest)
  // Once for all of them: an `emit` for each of them costs as much as all the rest.
  for (const { prototype } of [http.IncomingMessage, http.ServerResponse]) replace(prototype, 'emit', asPart)
  for (const name of ['createServer', 'createSecureServer'] as const)
    replace(http2, name, (create: (...args: unknown[]) => EventEmitter) => (...args: unknown[]) => {
      const server = create(...args)
      replace(server, 'emit', asStream)
      return server
    })
}

function asRequest(emit: Emit): Emit {
  return function (...args) {
    const [event, request, response] = args as [Event, http.IncomingMessage?, EventEmitter?]
    if (!REQUESTS.has(event)) return Reflect.apply(emit, this, args)
    const context = carriedOf(request?.headers)
    if (context && request) {
      listenAs(context, request)
      // A socket that was upgraded, or tunnels, goes on for longer than the request that asked for it.
      if (response && event !== 'upgrade' && event !== 'connect') listenAs(context, response)
    }
    return applyAs(context, emit, this, args)
  }
}

/** HTTP/2, under its request and response, too: they are made of the stream inside this event. */
function asStream(emit: Emit): Emit {
  return function (...args) {
    const [event] = args
    if (event === 'session') return applyAs(undefined, emit, this, args)
    if (event !== 'stream' && event !== 'request') return Reflect.apply(emit, this, args)
    const [, first, second] = args as [
      Event,
      EventEmitter & { headers?: Readonly<Record<string, unknown>> },
      unknown,
    ]
    // HTTP/1.1 that a server with `allowHTTP1` takes has a request and no stream.
    const headers = event === 'stream' ? (second as Readonly<Record<string, unknown>>) : first.headers
    const context = carriedOf(headers)
    if (context) {
      listenAs(context, first)
      if (event === 'request') listenAs(context, second as EventEmitter)
    }
    return applyAs(context, emit, this, args)
  }
}

/** What comes of a request later (its body, its end) is told by the socket, which is no request's. */
function listenAs(context: Carried, emitter: EventEmitter): void {
  ;(emitter as { [CONTEXT]?: Carried })[CONTEXT] = context
  if (!(emitter instanceof http.IncomingMessage || emitter instanceof http.ServerResponse))
    replace(emitter, 'emit', asPart)
}

function asPart(emit: Emit): Emit {
  return function (this: EventEmitter & { readonly [CONTEXT]?: Carried }, ...args) {
    const context = this[CONTEXT]
    return context === undefined || this.listenerCount(args[0]) === 0
      ? Reflect.apply(emit, this, args)
      : applyAs(context, emit, this, args)
  }
}
