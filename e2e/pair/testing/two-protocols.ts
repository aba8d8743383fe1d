import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { portOf, type Teardown } from './pair.ts'
import { dial, RawServer, type RawConnection } from './raw-http.ts'

// One message each way, as HTTP/1.1 byte by byte and as HTTP/2 by Node, which refuses what RFC 9113 calls malformed.

export type Protocol = 'HTTP/1.1' | 'HTTP/2'

/** Names are lower-case; a value has its blanks. */
export type Lines = Readonly<Record<string, string>>

export interface Message {
  readonly fields?: Lines
  readonly trailers?: Lines
}

export interface Answer extends Message {
  readonly status: number
}

/** Of what came, everything; a stream that is reset has none. */
export type Seen<T extends Message> = Required<T>

const BODY = '1\r\nb\r\n0\r\n'
const HEAD = /^[^]*?\r\n\r\n/

/** The application of a path, in one protocol. */
export interface Application {
  readonly port: number
  /** Requests that came. */
  readonly count: number
  /** Answers the next request once it is whole. */
  serve(answer: Answer): Promise<Seen<Message>>
}

export function application(t: Teardown, protocol: Protocol): Promise<Application> {
  return protocol === 'HTTP/2' ? http2Application(t) : http1Application(t)
}

async function http1Application(t: Teardown): Promise<Application> {
  const raw = await RawServer.listen()
  t.teardown(() => raw.server.close())
  return {
    port: portOf(raw.server),
    get count() {
      return raw.count
    },
    async serve({ status, fields, trailers }) {
      const connection = await raw.accept()
      const seen = await takeMessage(connection)
      // The next request comes by a connection of its own.
      const head = linesOf({ ...fields, 'transfer-encoding': 'chunked', connection: 'close' })
      connection.end(`HTTP/1.1 ${status} Any\r\n${head}\r\n${BODY}${linesOf(trailers)}\r\n`)
      return { fields: seen.fields, trailers: seen.trailers }
    },
  }
}

async function http2Application(t: Teardown): Promise<Application> {
  const server = createHttp2Server()
  const requests: { stream: ServerHttp2Stream; fields: IncomingHttpHeaders }[] = []
  let wake = (): void => {}
  let count = 0
  server.on('stream', (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => {
    count++
    requests.push({ stream, fields })
    wake()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  return {
    port: portOf(server),
    get count() {
      return count
    },
    async serve({ status, fields, trailers }) {
      while (requests.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      const { stream, fields: came } = requests.shift() as (typeof requests)[number]
      const seen = await takeStream(stream)
      stream.respond({ ':status': status, ...fields }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }))
      stream.end('b')
      return { fields: textsOf(came), trailers: seen }
    },
  }
}

/** Sends a request to this port, whole, and takes its answer. */
export function ask(t: Teardown, protocol: Protocol, port: number, request: Message): Promise<Seen<Answer>> {
  return protocol === 'HTTP/2' ? askHttp2(t, port, request) : askHttp1(port, request)
}

async function askHttp1(port: number, { fields, trailers }: Message): Promise<Seen<Answer>> {
  const client = await dial(port)
  const head = linesOf({ host: 'a.test', ...fields, 'transfer-encoding': 'chunked' })
  client.write(`POST / HTTP/1.1\r\n${head}\r\n${BODY}${linesOf(trailers)}\r\n`)
  const seen = await takeMessage(client)
  client.socket.destroy()
  return { status: Number(seen.first.slice(9, 12)), fields: seen.fields, trailers: seen.trailers }
}

async function askHttp2(t: Teardown, port: number, { fields, trailers }: Message): Promise<Seen<Answer>> {
  const session: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ...fields }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }))
  stream.end('b')
  const [came] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  const seen = await takeStream(stream)
  session.close()
  return { status: Number(came[':status']), fields: textsOf(came), trailers: seen }
}

/** What is left of a stream: its trailers, once it has ended. */
async function takeStream(stream: NodeJS.ReadableStream): Promise<Lines> {
  let trailers: Lines = {}
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = textsOf(fields)))
  stream.resume()
  await once(stream, 'end')
  return trailers
}

/** One message with a body in chunks, or with a length. */
async function takeMessage(connection: RawConnection) {
  const head = await connection.take(HEAD)
  const [first = '', ...lines] = head.split('\r\n')
  const fields = read(lines)
  const length = fields['content-length']
  if (length !== undefined) await connection.take(new RegExp(`^[^]{${Number(length)}}`))
  const rest =
    length === undefined ? await connection.take(/^([0-9a-f]+\r\n[^\r]+\r\n)*0\r\n([^\r]+\r\n)*\r\n/) : ''
  return { first, fields, trailers: read(rest.replace(/^[^]*?(^|\r\n)0\r\n/, '').split('\r\n')) }
}

function read(lines: readonly string[]): Lines {
  return Object.fromEntries(
    lines
      .filter((line) => line !== '')
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).replace(/^ /, ''),
      ]),
  )
}

function linesOf(fields: Lines = {}): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')
}

function textsOf(fields: IncomingHttpHeaders): Lines {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]))
}
