import net from 'node:net'
import os from 'node:os'
import { parseArgs } from 'node:util'
import type { RequestHead, ResponseHead } from '../proxy/http/message.ts'
import type { BodyReader, ClientConnection, ClientStreamReader, ServerStream } from '../proxy/http/stream.ts'
import { connectHttp2 } from '../proxy/http2/client.ts'
import { serveHttp2 } from '../proxy/http2/server.ts'
import { createTransport } from '../proxy/transport/socket-transport.ts'

const HELP = `Measures the HTTP/2 codec alone: a client and a server of it in one process, over one loopback connection.

Usage: node bench/http2-link.ts [options]
  --streams N   requests at once (64)
  --bytes N     bytes of each response (1024)
  --seconds N   time of each round (2)
  --rounds N    rounds; the median counts (5)
  --json        one JSON object: {case, streams, bytes, cpu_us_per_request, rps, spread, cpu_model, node}
  --help        this text

CPU is that of both ends together, so one hop of a proxy (a server and a client of different
connections) costs about the same.`

interface Settings {
  streams: number
  bytes: number
  seconds: number
  rounds: number
  json: boolean
}

function settings(): Settings {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '64' },
      bytes: { type: 'string', default: '1024' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(HELP)
    process.exit(0)
  }
  const number = (name: 'streams' | 'bytes' | 'seconds' | 'rounds', least: number): number => {
    const value = Number(values[name])
    if (!(value >= least)) throw new Error(`--${name} must be a number of at least ${least}`)
    return value
  }
  return {
    streams: number('streams', 1),
    bytes: number('bytes', 0),
    seconds: number('seconds', 0.1),
    rounds: number('rounds', 1),
    json: values.json,
  }
}

// What a browserless client and an ordinary server send, with a trace id that never repeats.
function request(number: number): RequestHead {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'catalog.shop:8080',
    path: '/items/42?full=1',
    fields: [
      'user-agent',
      'bench/1',
      'accept',
      '*/*',
      'traceparent',
      `00-4bf92f3577b34da6a3ce929d0e${(number % 1e6) + 1e6}-00f067aa0ba902b7-01`,
    ],
    upgrade: '',
  }
}

function response(bytes: number): ResponseHead {
  return {
    status: 200,
    fields: [
      'content-type',
      'application/json',
      'content-length',
      String(bytes),
      'date',
      'Tue, 01 Jan 2030 00:00:00 GMT',
    ],
  }
}

class Answer implements BodyReader {
  readonly #stream: ServerStream
  readonly #body: Buffer

  constructor(stream: ServerStream, body: Buffer, end: boolean) {
    this.#stream = stream
    this.#body = body
    if (end) this.#send()
  }

  #send(): void {
    this.#stream.head(response(this.#body.length), false)
    if (this.#body.length > 0) this.#stream.data(this.#body)
    this.#stream.end(undefined)
  }

  onData(): void {}
  onEnd(): void {
    this.#send()
  }
  onReset(): void {}
  onWritable(): void {}
}

class Load {
  done = 0
  failed = 0
  stopping = false
  client: ClientConnection | undefined
  #opened = 0

  ask(): void {
    if (!this.stopping) this.client?.open(request(this.#opened++), true, new Asked(this))
  }
}

class Asked implements ClientStreamReader {
  readonly #load: Load

  constructor(load: Load) {
    this.#load = load
  }

  onInformational(): void {}
  onHead(_head: ResponseHead, end: boolean): void {
    if (end) this.onEnd()
  }
  onData(): void {}
  onEnd(): void {
    this.#load.done++
    this.#load.ask()
  }
  onReset(): void {
    this.#load.failed++
  }
  onWritable(): void {}
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

async function run(options: Settings): Promise<void> {
  const body = Buffer.alloc(options.bytes, 'x')
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    serveHttp2(createTransport(socket), {
      onRequest: (stream, _head, end) => new Answer(stream, body, end),
      onRefused() {},
      onClose() {},
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const socket = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
  await new Promise((resolve) => {
    socket.once('connect', resolve)
  })
  const load = new Load()
  load.client = connectHttp2(createTransport(socket), { onChange() {} })
  await pause(50)
  for (let i = 0; i < options.streams; i++) load.ask()
  await pause(1000)
  const cpu: number[] = []
  const rates: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    const before = process.cpuUsage()
    const began = performance.now()
    const from = load.done
    await pause(options.seconds * 1000)
    const used = process.cpuUsage(before)
    const count = load.done - from
    cpu.push((used.user + used.system) / count)
    rates.push((count * 1000) / (performance.now() - began))
  }
  const failed = load.failed
  load.stopping = true
  load.client.destroy()
  server.close()
  cpu.sort((a, b) => a - b)
  rates.sort((a, b) => a - b)
  const middle = options.rounds >> 1
  const result = {
    case: 'http2-link',
    streams: options.streams,
    bytes: options.bytes,
    cpu_us_per_request: Number((cpu[middle] ?? 0).toFixed(2)),
    rps: Math.round(rates[middle] ?? 0),
    spread: [cpu[0], cpu.at(-1)].map((value) => Number((value ?? 0).toFixed(2))),
    failed,
    cpu_model: os.cpus()[0]?.model,
    node: process.version,
  }
  if (options.json) console.log(JSON.stringify(result))
  else
    console.log(
      `${result.streams} streams, ${result.bytes} bytes: ${result.cpu_us_per_request} us CPU a request ` +
        `(${result.spread.join('-')}), ${result.rps} requests/s, both ends`,
    )
}

let options: Settings
try {
  options = settings()
} catch (error) {
  console.error(`${(error as Error).message}; see --help`)
  process.exit(2)
}
await run(options)
