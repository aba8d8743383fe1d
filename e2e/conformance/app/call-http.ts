import { request } from 'node:http'
import { connect } from 'node:http2'
import { buffer, text } from 'node:stream/consumers'
import type { Answer, Call } from './call.ts'

/** Of a gRPC message: one byte of flags, four of length. */
const PREFIX_BYTES = 5

/** On a connection of its own. Rejects where there was no answer. */
export function callHttp({ to, method = 'GET', path = '/', host = to, headers = {} }: Call): Promise<Answer> {
  const [name, port = '80'] = to.split(':')
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  request({ host: name, port, method, path, agent: false, headers: { ...headers, host } }, (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    )
  })
    .on('error', reject)
    .end()
  return promise
}

/** By prior knowledge, on a connection of its own; `over: grpc` sends one empty message and takes one. */
export async function callHttp2(call: Call): Promise<Answer> {
  const { to, over, path = '/', host = to } = call
  const grpc = over === 'grpc'
  const session = connect(`http://${to}`)
  try {
    const stream = session.request({
      ...call.headers,
      ...(grpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
      ':method': call.method ?? (grpc ? 'POST' : 'GET'),
      ':path': path,
      ':authority': host,
    })
    const { promise, resolve, reject } = Promise.withResolvers<Readonly<Record<string, string>>>()
    session.on('error', reject)
    stream.on('response', (fields) => resolve(fields as Record<string, string>))
    let trailers = {}
    stream.on('trailers', (fields) => (trailers = fields))
    stream.end(grpc ? Buffer.alloc(PREFIX_BYTES) : undefined)
    const [headers, body] = await Promise.all([promise, buffer(stream)])
    return {
      status: Number(headers[':status']),
      headers: { ...headers, ...trailers },
      body: String(grpc ? body.subarray(PREFIX_BYTES) : body),
    }
  } finally {
    session.destroy()
  }
}
