import diagnostics from 'diagnostics_channel'
import { carried, missing, type Carried } from './context.ts'
import { replace } from './replace.ts'

interface UndiciRequest {
  readonly headers: unknown
  addHeader(name: string, value: string): unknown
}

/** By the handler of a request: whose it is. A pool with a limit makes requests when others end, on the turns of those. */
const contexts = new WeakMap<object, { readonly context: Carried | undefined }>()

/** `fetch`, and the package that it is made of, which tells of each request before it is written. */
export function carryByUndici(): void {
  const { channel } = diagnostics
  if (typeof channel !== 'function') return
  channel('undici:request:create').subscribe((message) => {
    try {
      const { request } = message as { request: UndiciRequest }
      const handler = handlerOf(request)
      const known = handler && contexts.get(handler)
      const context = known ? known.context : carried()
      if (!context) return
      const names = fieldNames(request.headers)
      for (const [name, value] of missing(context, (field) => names.has(field)))
        request.addHeader(name, value)
    } catch {
      // Another version of it, with other words.
    }
  })
}

type Dispatch = (options: unknown, handler: object) => boolean

/** Given undici's DispatcherBase as it is loaded: what its pools queue is still of the request that asked for it. */
export function watchDispatchers(loaded: unknown): boolean {
  if (typeof loaded !== 'function') return false
  replace(
    loaded.prototype as object,
    'dispatch',
    (dispatch: Dispatch): Dispatch =>
      function (this: unknown, options, handler) {
        if (typeof handler === 'object' && handler !== null && !contexts.has(handler))
          contexts.set(handler, { context: carried() })
        return dispatch.call(this, options, handler)
      },
  )
  return true
}

/** In versions 5 to 7 a request has its handler under a symbol of that name. */
function handlerOf(request: object): object | undefined {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'handler')
  const handler = symbol && (request as Record<symbol, unknown>)[symbol]
  return typeof handler === 'object' && handler !== null ? handler : undefined
}

/** Text of lines (version 5), or a flat list (since 6). */
function fieldNames(headers: unknown): ReadonlySet<string> {
  const names = Array.isArray(headers)
    ? headers.filter((_, at) => at % 2 === 0).map(String)
    : String(headers)
        .split('\r\n')
        .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))))
  return new Set(names.map((name) => name.toLowerCase()))
}
