import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceError,
} from '@grpc/grpc-js'
import t from 'tap'
import type { ClientConnection } from '../http/stream.ts'
import { dial, listen, proxyTo } from './testing/trivial-proxy.ts'

// grpc-js on both sides of a proxy made of our server and client, in all four kinds of call.

const same = (bytes: Buffer): Buffer => bytes
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})
const SERVICE = {
  unary: method('Unary', false, false),
  up: method('Up', true, false),
  down: method('Down', false, true),
  both: method('Both', true, true),
}

let cancelled = 0
const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_concurrent_streams': 2000 })
server.addService(SERVICE, {
  unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
    const text = call.request.length < 20 ? call.request.toString() : ''
    call.on('cancelled', () => cancelled++)
    if (text === 'wait') return
    if (text === 'fail') {
      const metadata = new Metadata()
      metadata.set('why-bin', Buffer.from([1, 2, 3]))
      return done({ code: status.FAILED_PRECONDITION, details: 'not now: é', metadata })
    }
    const trailer = new Metadata()
    trailer.set('seen', String(call.metadata.get('k')[0] ?? ''))
    done(null, call.request, trailer)
  },
  up(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
    let bytes = 0
    call.on('data', (message: Buffer) => {
      bytes += message.length
    })
    call.on('end', () => done(null, Buffer.from(String(bytes))))
  },
  down(call: ServerWritableStream<Buffer, Buffer>) {
    for (let i = 0; i < 100; i++) call.write(Buffer.from(String(i)))
    call.end()
  },
  both(call: ServerDuplexStream<Buffer, Buffer>) {
    call.on('data', (message: Buffer) => call.write(message))
    call.on('end', () => call.end())
  },
})

let link: ClientConnection
let client: Client

t.before(async () => {
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  )
  link = await dial(port)
  const proxy = await listen(proxyTo(link))
  client = new Client(`127.0.0.1:${proxy.port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  })
  t.teardown(() => {
    client.close()
    link.destroy()
    proxy.close()
    server.forceShutdown()
  })
})

function unary(
  message: Buffer,
  deadlineMs = 5000,
): Promise<{ reply?: Buffer | undefined; error?: ServiceError | null }> {
  return new Promise((resolve) =>
    client.makeUnaryRequest(
      SERVICE.unary.path,
      same,
      same,
      message,
      { deadline: Date.now() + deadlineMs },
      (error, reply) => resolve({ reply, error }),
    ),
  )
}

t.test('unary, also 4 MiB and with an error', async (t) => {
  t.equal((await unary(Buffer.from('hello'))).reply?.toString(), 'hello')
  const large = Buffer.alloc(4 * 1024 * 1024, 'x')
  t.ok((await unary(large)).reply?.equals(large))
  const { error } = await unary(Buffer.from('fail'))
  t.match(error, { code: status.FAILED_PRECONDITION, details: 'not now: é' })
  t.strictSame(error?.metadata.get('why-bin'), [Buffer.from([1, 2, 3])])
})

t.test('1,000 calls at once', async (t) => {
  // On a busy machine they take longer together than one may.
  const replies = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => unary(Buffer.from(`n${i}`), 60_000)),
  )
  t.strictSame(
    replies.map(({ reply }) => reply?.toString()),
    replies.map((_, i) => `n${i}`),
  )
  t.equal(link.active, 0)
})

t.test('a stream of requests', async (t) => {
  const reply = await new Promise<string>((resolve, reject) => {
    const call = client.makeClientStreamRequest<Buffer, Buffer>(SERVICE.up.path, same, same, (error, value) =>
      error ? reject(error) : resolve(String(value)),
    )
    for (let i = 0; i < 500; i++) call.write(Buffer.alloc(10_000))
    call.end()
  })
  t.equal(reply, '5000000')
})

t.test('a stream of answers', async (t) => {
  const call = client.makeServerStreamRequest<Buffer, Buffer>(SERVICE.down.path, same, same, Buffer.alloc(0))
  const got: string[] = []
  for await (const message of call) got.push(String(message))
  t.equal(got.join(), Array.from({ length: 100 }, (_, i) => i).join())
})

t.test('both ways, in turns', async (t) => {
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(SERVICE.both.path, same, same)
  const got: string[] = []
  call.write(Buffer.from('0'))
  for await (const message of call) {
    got.push(String(message))
    if (got.length < 50) call.write(Buffer.from(String(got.length)))
    else call.end()
  }
  t.equal(got.join(), Array.from({ length: 50 }, (_, i) => i).join())
})

t.test('a deadline and a cancellation reach the server', async (t) => {
  const { error } = await unary(Buffer.from('wait'), 500)
  t.equal(error?.code, status.DEADLINE_EXCEEDED)
  const code = await new Promise<number | undefined>((resolve) => {
    const call = client.makeUnaryRequest(SERVICE.unary.path, same, same, Buffer.from('wait'), (failure) =>
      resolve(failure?.code),
    )
    setImmediate(() => call.cancel())
  })
  t.equal(code, status.CANCELLED)
  // A last call comes after both resets on the same connection.
  await unary(Buffer.from('hello'))
  t.ok(cancelled >= 1)
  t.equal(link.active, 0)
})
