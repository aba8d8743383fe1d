import http from 'http'
import https from 'https'
import { carried, missing, type Carried } from './context.ts'
import { replace } from './replace.ts'

type Call = (...args: unknown[]) => http.ClientRequest

/** `http.request` and what is built on it. */
export function carryByHttp(): void {
  for (const module of [http, https] as const) {
    replace(module, 'request', carrying)
    // The original calls the module's own `request`, past what stands in its place, and ends it.
    replace(module, 'get', (): Call => (...args) => {
      const request = (module.request as Call)(...args)
      request.end()
      return request
    })
  }
}

function carrying(call: Call): Call {
  return function (this: unknown, ...args) {
    const context = carried()
    if (!context) return call.apply(this, args)
    const request = call.apply(this, withHeaders(args, context))
    try {
      if (!request.headersSent)
        for (const [name, value] of missing(context, (field) => request.hasHeader(field)))
          request.setHeader(name, value)
    } catch {
      // The request is on its way.
    }
    return request
  }
}

/** Fields that are given as a list, and those of a request that expects an answer before its body, are written at once. */
function withHeaders(args: unknown[], context: Carried): unknown[] {
  const at = args.findIndex((arg) => typeof arg === 'object' && arg !== null && !(arg instanceof URL))
  const options = args[at] as { headers?: unknown } | undefined
  const { headers } = options ?? {}
  if (Array.isArray(headers)) {
    const pairs = headers.every(Array.isArray)
    const names = (
      pairs ? headers.map(([name]) => name as unknown) : headers.filter((_, i) => i % 2 === 0)
    ).map((name) => String(name).toLowerCase())
    const more = missing(context, (name) => names.includes(name))
    return replaced(args, at, {
      ...options,
      headers: [...headers, ...(pairs ? more : more.flat())] as unknown,
    })
  }
  if (typeof headers !== 'object' || headers === null) return args
  const names = Object.keys(headers).map((name) => name.toLowerCase())
  if (!names.includes('expect')) return args
  const more = missing(context, (name) => names.includes(name))
  return replaced(args, at, { ...options, headers: { ...headers, ...Object.fromEntries(more) } as unknown })
}

function replaced(args: unknown[], at: number, value: unknown): unknown[] {
  return args.map((arg, index) => (index === at ? value : arg))
}
