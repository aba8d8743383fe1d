import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { type FramedRequest, originForm } from '../view/framed.ts'

/** The field by which a proxy tells from which port its client came. */
export const CLIENT_PORT = 'x-fuzz-client'

/**
 * A server that records what proxies send it, by the port of the proxy's client, and answers each request with
 * an empty body. Its parser is neither Weft's nor Node's: it takes what nginx and haproxy write, any version
 * among it, and anything else is kept in `oddities`.
 */
export class Origin {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #byClient = new Map<number, FramedRequest[]>()
  readonly oddities: string[] = []

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
  }

  static async open(): Promise<Origin> {
    const origin = new Origin()
    await once(origin.#server.listen(0, '127.0.0.1', 4096), 'listening')
    return origin
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Starts a record for the client at `port`. */
  expect(port: number): FramedRequest[] {
    const record: FramedRequest[] = []
    this.#byClient.set(port, record)
    return record
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let buffered = ''
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk) => {
      buffered += chunk.toString('latin1')
      for (;;) {
        const message = readMessage(buffered)
        if (message === undefined) return
        if (typeof message === 'string') {
          this.oddities.push(`${message}: ${JSON.stringify(buffered.slice(0, 500))}`)
          socket.destroy()
          return
        }
        buffered = buffered.slice(message.length)
        this.#record(message)
        const status = message.method === 'CONNECT' ? '403 Forbidden' : '200 OK'
        socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`)
      }
    })
  }

  #record({ client, method, target, body }: Message): void {
    const record = this.#byClient.get(client)
    if (record === undefined) this.oddities.push(`a request of no known client: ${method} ${target}`)
    else record.push({ method, target: originForm(method, target), body })
  }
}

interface Message extends FramedRequest {
  readonly client: number
  /** Bytes on the wire. */
  readonly length: number
}

/** The request at the start of `text`; undefined: not whole yet; a text: what is odd about it. */
function readMessage(text: string): Message | string | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [start = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const line = /^(\S+) (\S+) HTTP\/\d\.\d$/.exec(start)
  if (line === null) return 'a bad request line'
  const fields = new Map<string, string[]>()
  for (const one of lines) {
    const colon = one.indexOf(':')
    const name = one.slice(0, colon).toLowerCase()
    if (colon < 1 || /[\s\0]/.test(name)) return 'a bad field line'
    fields.set(name, [...(fields.get(name) ?? []), one.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')])
  }
  const lengths = fields.get('content-length') ?? []
  const codings = elements(fields.get('transfer-encoding') ?? [])
  const client = Number(fields.get(CLIENT_PORT)?.[0] ?? -1)
  if (lengths.length + codings.length > 1) return 'more than one length'
  const from = headEnd + 4
  const framed = { method: line[1] as string, target: line[2] as string, client }
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') return 'an unknown coding'
    const body = readChunks(text, from)
    return typeof body === 'object' ? { ...framed, ...body } : body
  }
  const length = lengths[0] ?? '0'
  if (!/^\d+$/.test(length)) return 'a bad length'
  const end = from + Number(length)
  return text.length < end ? undefined : { ...framed, body: text.slice(from, end), length: end }
}

/** haproxy sends empty elements on (`chunked,`), which RFC 9110 section 5.6.1 lets a recipient skip. */
function elements(values: readonly string[]): string[] {
  const list = values.flatMap((value) => value.split(',')).map((one) => one.trim().toLowerCase())
  return list.filter((one) => one !== '')
}

function readChunks(text: string, from: number): { body: string; length: number } | string | undefined {
  let body = ''
  for (let at = from; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const digits = /^([0-9a-f]+)(;|$)/i.exec(text.slice(at, lineEnd))
    if (digits === null) return 'a bad chunk size'
    const size = Number.parseInt(digits[1] as string, 16)
    at = lineEnd + 2
    if (size === 0) return readTrailers(text, at, body)
    if (text.length < at + size + 2) return undefined
    body += text.slice(at, at + size)
    at += size
    if (text.slice(at, at + 2) !== '\r\n') return 'a chunk of another size'
    at += 2
  }
}

function readTrailers(
  text: string,
  from: number,
  body: string,
): { body: string; length: number } | undefined {
  for (let at = from; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    if (lineEnd === at) return { body, length: at + 2 }
    at = lineEnd + 2
  }
}
