import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createServer2 } from 'node:http2'

/** How an answer is framed, or fails. */
export const MANNERS = ['length', 'chunked', 'close', 'break', 'silent', 'reset'] as const

export interface Numbered {
  readonly number: number
  /** Bytes of the request's body and of the answer's. */
  readonly sent: number
  readonly wanted: number
  readonly manner: (typeof MANNERS)[number]
  /** Of the answer. */
  readonly delayMs: number
}

/** Every body consists of its request's number: `7;7;7;`, cut to `size` characters. */
export function bodyOf(number: number, size: number): string {
  return `${number};`.repeat(Math.ceil(size / `${number};`.length)).slice(0, size)
}

export function pathOf({ number, sent, wanted, manner, delayMs }: Numbered): string {
  return `/${number}?sent=${sent}&wanted=${wanted}&manner=${manner}&delay=${delayMs}`
}

/**
 * Answers each request with its number, in its own way, and a 409 to one whose body is not its own. `manner`:
 * `break` ends inside of the answer, `silent` before it, `reset` likewise by RST, `close` frames by the
 * connection's end (HTTP/1.1), or ends the connection in order afterwards.
 */
export function numberedApp(): { http1: Server; http2: ReturnType<typeof createServer2> } {
  const answer = (
    message: Pick<IncomingMessage, 'url'> & NodeJS.ReadableStream,
    response: ServerResponse,
  ) => {
    const url = new URL(message.url ?? '', 'http://app')
    const number = Number(url.pathname.slice(1))
    const asked = (name: string): number => Number(url.searchParams.get(name))
    let text = ''
    message.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    message.on('end', () => setTimeout(() => respond(), asked('delay')))
    message.on('error', () => {})
    const respond = (): void => {
      const manner = url.searchParams.get('manner')
      const http2 = 'stream' in response
      const cut = (reset: boolean): void => {
        if (http2) (response as unknown as { stream: { close(code: number): void } }).stream.close(2)
        else if (reset) response.socket?.resetAndDestroy()
        else response.socket?.destroy()
      }
      if (text !== bodyOf(number, asked('sent'))) response.statusCode = 409
      response.setHeader('x-number', number)
      if (manner === 'silent' || manner === 'reset') return cut(manner === 'reset')
      const body = bodyOf(number, asked('wanted'))
      if (manner === 'length') response.setHeader('content-length', body.length)
      if (manner === 'close' && !http2) {
        response.setHeader('connection', 'close')
        // Without a length and without chunks: the connection's end is the answer's.
        response.useChunkedEncodingByDefault = false
      }
      if (manner === 'break') {
        if (number % 2 === 0) response.setHeader('content-length', body.length + 10)
        response.write(body)
        setTimeout(() => cut(false), 1)
      } else response.end(body)
    }
  }
  const http1 = createServer(answer)
  http1.keepAliveTimeout = 0
  const http2 = createServer2((message, response) =>
    answer(message as never, response as unknown as ServerResponse),
  )
  http2.on('session', (session) => session.on('error', () => {}))
  return { http1, http2 }
}
