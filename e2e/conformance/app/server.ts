// Says in JSON what it got. A request may ask for a status, for a number of failures before that, and for a delay.
import { createServer, type IncomingHttpHeaders } from 'node:http'

const version = process.argv[2] ?? ''
/** By `x-case`: how often each was asked for. */
const seen = new Map<string, number>()

const numberIn = (headers: IncomingHttpHeaders, name: string): number => Number(headers[name] ?? 0)

createServer((request, response) => {
  const { method = '', url = '', headers } = request
  const count = /^\/seen\?(.*)$/.exec(url)
  if (count) return void response.end(String(seen.get(count[1] ?? '') ?? 0))
  const name = String(headers['x-case'] ?? '')
  const times = (seen.get(name) ?? 0) + 1
  seen.set(name, times)
  const fails = times <= numberIn(headers, 'x-fail')
  response.statusCode = fails ? 503 : numberIn(headers, 'x-status') || 200
  response.setHeader('x-version', version)
  response.setHeader('content-type', 'application/json')
  const body = JSON.stringify({ version, method, path: url, host: headers.host, headers, times })
  setTimeout(() => response.end(body), numberIn(headers, 'x-delay-ms'))
}).listen(8080)
