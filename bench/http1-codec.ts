import { parseArgs } from 'node:util'
import type { RequestHead } from '../proxy/http/message.ts'
import type { BodyReader, ClientStreamReader, ServerHandler } from '../proxy/http/stream.ts'
import { connectHttp1 } from '../proxy/http1/client.ts'
import { serveHttp1 } from '../proxy/http1/server.ts'
import type { Transport, TransportReader } from '../proxy/transport/transport.ts'

const HELP = `Measures the HTTP/1.1 codec alone, without sockets: CPU nanoseconds a request.

  node bench/http1-codec.ts [--rounds 7] [--requests 200000] [--json]

  --rounds    measured rounds; the median is told, with the lowest and highest
  --requests  requests a round
  --json      one JSON object instead of lines
`

/** Takes writes and forgets them. */
class NullTransport implements Transport {
  reader!: TransportReader
  readonly congested = false
  readonly remote = ''
  handed = 0
  bytes = 0
  readonly #buffer = Buffer.alloc(64 * 1024)
  readonly #reserved = { buffer: this.#buffer, at: 0 }
  write(bytes: Uint8Array): void {
    this.#buffer.set(bytes, 0)
    this.commit(bytes.length)
  }
  writeLatin1(text: string): void {
    this.commit(this.#buffer.write(text, 0, 'latin1'))
  }
  reserve(): { buffer: Buffer; at: number } {
    return this.#reserved
  }
  commit(size: number): void {
    this.bytes += size
    this.handed += size
  }
  end(): void {
    throw new Error('the codec closed the connection')
  }
  destroy(): void {
    throw new Error('the codec destroyed the connection')
  }
  abort(): void {
    throw new Error('the codec reset the connection')
  }
  pause(): void {}
  resume(): void {}
}

const FIELDS = [
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['Accept-Encoding', 'gzip, deflate, br'],
  ['Accept-Language', 'en-GB,en;q=0.5'],
  ['X-Request-Id', '6f1cbb9f-51c3-4d0e-9d6c-0c1a5b8b7a11'],
  ['Traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  ['X-Forwarded-Proto', 'http'],
]
const BODY = Buffer.alloc(1024, 'x')
const REQUEST = Buffer.from(
  `GET /products/42/reviews?page=2 HTTP/1.1\r\nHost: reviews.shop:9080\r\nConnection: keep-alive\r\n${FIELDS.map(
    ([name, value]) => `${name}: ${value}\r\n`,
  ).join('')}\r\n`,
)
const RESPONSE = Buffer.concat([
  Buffer.from(
    'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 1024\r\n' +
      'Date: Mon, 23 Nov 2026 02:00:00 GMT\r\nServer: node\r\nETag: W/"400-2jmj7l5rSw0yVb"\r\n' +
      'Cache-Control: no-cache\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n',
  ),
  BODY,
])

function serverSide(): () => void {
  const transport = new NullTransport()
  const fields = [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    '1024',
    'etag',
    'W/"400-2jmj"',
  ]
  const reader: BodyReader = { onData() {}, onEnd() {}, onReset() {}, onWritable() {} }
  const handler: ServerHandler = {
    onRequest(stream) {
      stream.head({ status: 200, fields }, false)
      stream.data(BODY)
      stream.end(undefined)
      return reader
    },
    onRefused() {},
    onClose() {},
  }
  serveHttp1(transport, handler, {})
  return () => transport.reader.onData(REQUEST)
}

function clientSide(): () => void {
  const transport = new NullTransport()
  const connection = connectHttp1(transport, { onChange() {} }, {})
  const head: RequestHead = {
    method: 'GET',
    scheme: 'http',
    authority: 'reviews.shop:9080',
    path: '/products/42/reviews?page=2',
    fields: FIELDS.flatMap(([name, value]) => [(name as string).toLowerCase(), value as string]),
    upgrade: '',
  }
  const reader: ClientStreamReader = {
    onInformational() {},
    onHead() {},
    onData() {},
    onEnd() {},
    onReset(reason, detail) {
      throw new Error(`${reason}: ${detail}`)
    },
    onWritable() {},
  }
  return () => {
    connection.open(head, true, reader)
    transport.reader.onData(RESPONSE)
  }
}

/** Nanoseconds of CPU a call of `run`: lowest, median and highest of `rounds`. */
function measure(run: () => void, rounds: number, requests: number) {
  for (let i = 0; i < requests; i++) run()
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < requests; i++) run()
    const used = process.cpuUsage(before)
    times.push(((used.user + used.system) * 1000) / requests)
  }
  times.sort((a, b) => a - b)
  const at = (index: number) => Math.round(times[index] as number)
  return { low: at(0), median: at(times.length >> 1), high: at(times.length - 1) }
}

function main(): void {
  const options = {
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '200000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  let values
  try {
    values = parseArgs({ options }).values
  } catch (error) {
    console.error(`http1-codec: ${(error as Error).message.split('\n')[0]} Try --help.`)
    process.exitCode = 2
    return
  }
  if (values.help) return console.log(HELP)
  const rounds = Number(values.rounds)
  const requests = Number(values.requests)
  if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(requests) && requests > 0)) {
    console.error('http1-codec: --rounds and --requests must be whole numbers above 0')
    process.exitCode = 2
    return
  }
  const result = {
    unit: 'ns of CPU a request',
    server: measure(serverSide(), rounds, requests),
    client: measure(clientSide(), rounds, requests),
  }
  if (values.json) return console.log(JSON.stringify(result))
  const line = (name: string, { low, median, high }: { low: number; median: number; high: number }) =>
    console.log(`${name.padEnd(44)} ${median} ns (${low}-${high})`)
  line('server: read a request, write head and 1 KiB', result.server)
  line('client: write a request, read head and 1 KiB', result.client)
}

main()
