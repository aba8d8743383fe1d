import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

type Request = IncomingMessage | Http2ServerRequest

/** By `x-case`: how often each was asked for. */
const seen = new Map<string, number>()

const numberIn = (headers: IncomingHttpHeaders, name: string): number => Number(headers[name] ?? 0)

/**
 * A request may ask for a status (`x-status`), for a number of failures before that (`x-fail` times 503, or `x-fail-status`;
 * `x-reset` times a connection that ends), and for a delay of every answer (`x-delay-ms`). `/seen?<case>` is how often.
 */
export function answerHttp(
  version: string,
  request: Request,
  response: ServerResponse | Http2ServerResponse,
): void {
  const { url = '', headers } = request
  const count = /^\/seen\?(.*)$/.exec(url)
  if (count) return void response.end(String(seen.get(count[1] ?? '') ?? 0))
  const times = countOf(headers)
  if (times <= numberIn(headers, 'x-reset')) return void request.socket.destroy()
  const fails = times <= numberIn(headers, 'x-fail')
  response.statusCode = fails
    ? numberIn(headers, 'x-fail-status') || 503
    : numberIn(headers, 'x-status') || 200
  response.setHeader('x-version', version)
  response.setHeader('content-type', 'application/json')
  const body = received(version, request, times)
  setTimeout(() => response.end(body), numberIn(headers, 'x-delay-ms'))
}

/** One message with the same in it. */
export function answerGrpc(
  version: string,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): void {
  const body = Buffer.from(received(version, request, countOf(request.headers)))
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  response.setHeader('content-type', 'application/grpc')
  response.addTrailers({ 'grpc-status': '0' })
  response.end(Buffer.concat([prefix, body]))
}

function countOf(headers: IncomingHttpHeaders): number {
  const name = String(headers['x-case'] ?? '')
  const times = (seen.get(name) ?? 0) + 1
  seen.set(name, times)
  return times
}

function received(version: string, request: Request, times: number): string {
  const { method, url: path, headers, httpVersion } = request
  const host = headers.host ?? headers[':authority']
  return JSON.stringify({ version, protocol: `HTTP/${httpVersion}`, method, path, host, headers, times })
}
