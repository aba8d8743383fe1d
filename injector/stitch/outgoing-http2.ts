import type { ClientHttp2Session } from 'http2'
import http2 from 'http2'
import { carried, missing, type Carried } from './context.ts'
import { replace } from './replace.ts'

type Connect = (...args: unknown[]) => ClientHttp2Session
type Request = (headers?: unknown, ...rest: unknown[]) => unknown

/** Requests of HTTP/2 sessions. */
export function carryByHttp2(): void {
  replace(http2, 'connect', (connect: Connect): Connect => (...args) => {
    const session = connect(...args)
    replace(
      session,
      'request',
      (request: Request): Request =>
        function (this: unknown, headers, ...rest) {
          const context = carried()
          return request.call(this, context ? withFields(headers, context) : headers, ...rest)
        },
    )
    return session
  })
}

function withFields(headers: unknown, context: Carried): unknown {
  if (Array.isArray(headers)) {
    const names = new Set(headers.filter((_, at) => at % 2 === 0).map((name) => String(name).toLowerCase()))
    return [...(headers as unknown[]), ...missing(context, (name) => names.has(name)).flat()]
  }
  if (headers !== undefined && (typeof headers !== 'object' || headers === null)) return headers
  const names = new Set(Object.keys(headers ?? {}).map((name) => name.toLowerCase()))
  // gRPC of this process carries it in its metadata, of which call it is: here it may be on the turn of another.
  const type = (headers as Record<string, unknown> | undefined)?.['content-type']
  if (typeof type === 'string' && type.startsWith('application/grpc') && names.has('grpc-accept-encoding'))
    return headers
  return Object.assign({}, headers, Object.fromEntries(missing(context, (name) => names.has(name))))
}
