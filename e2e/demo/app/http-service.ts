import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'

/** What an ordinary service copies from the request it serves to those that it makes, for its traces. */
const PROPAGATED = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
  'x-demo-marker',
]

export interface Answer {
  status: number
  body: unknown
}

/** A plain Node service: nothing in it knows of the mesh. */
export function serve(route: (message: IncomingMessage, body: string) => Promise<Answer>): void {
  const server = createServer((message, response) => {
    let body = ''
    message.setEncoding('utf8')
    message.on('data', (chunk: string) => {
      body += chunk
    })
    message.on('end', () => {
      route(message, body).then(
        (answer) => reply(response, answer),
        (error: Error) => reply(response, { status: 502, body: { error: error.message } }),
      )
    })
  })
  server.listen(Number(process.env['PORT'] ?? 8080))
  process.on('SIGTERM', () => {
    server.close(() => process.exit(0))
    server.closeIdleConnections()
  })
}

function reply(response: ServerResponse, answer: Answer): void {
  const text = JSON.stringify(answer.body)
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

/** Calls another service by its name and hands on the trace headers of `cause`. */
export function call(
  url: string,
  cause: IncomingMessage,
  options: { method?: string; body?: string } = {},
): Promise<Answer> {
  const headers: Record<string, string> = {}
  for (const name of PROPAGATED) {
    const value = cause.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  if (options.body !== undefined) headers['content-length'] = String(Buffer.byteLength(options.body))
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: options.method ?? 'GET', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(text) }))
      response.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
