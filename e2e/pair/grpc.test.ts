import {
  Client,
  type ClientWritableStream,
  credentials,
  Metadata,
  status,
  type CallOptions,
  type ServiceError,
} from '@grpc/grpc-js'
import { createServer } from 'node:http2'
import { once } from 'node:events'
import t from 'tap'
import { Calls, ECHO, serveEcho } from './testing/grpc-service.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// grpc-js clients and servers at the two ends of a pair. WEFT_LONG=1 holds 10,000 calls open at once.

const STREAMS = process.env['WEFT_LONG'] ? 10_000 : 1000
const same = (bytes: Buffer): Buffer => bytes
const calls = new Calls()
let pair: Pair
let client: Client
let impatient: Client

t.before(async () => {
  const { server, port } = await serveEcho(calls)
  t.teardown(() => server.forceShutdown())
  // Answers no gRPC: its status is all that a client has.
  const broken = createServer((message, response) => {
    if (message.url.endsWith('/reset')) return message.stream.close(2)
    if (message.url.endsWith('/hang')) return
    response.writeHead(Number(message.url.split('/').at(-1)))
    response.end('<html>')
  }).listen(0, '127.0.0.1')
  await once(broken, 'listening')
  t.teardown(() => broken.close())
  pair = await startPair(t, [
    { name: 'echo', kind: 'http', app: port },
    { name: 'impatient', kind: 'http', app: port, route: { timeout: '1s' } },
    { name: 'bounded', kind: 'http', app: port, route: { timeout: '5s' } },
    { name: 'broken', kind: 'http', app: portOf(broken) },
    { name: 'deaf', kind: 'http', app: portOf(broken), route: { timeout: '1s' } },
    { name: 'nobody', kind: 'http', app: 1 },
  ])
  client = dial('echo')
  impatient = dial('impatient')
})

function dial(path: string): Client {
  const made = new Client(`127.0.0.1:${pair.port(path)}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    // What the proxies make of a failure is looked at, not what the client makes of it.
    'grpc.enable_retries': 0,
  })
  t.teardown(() => made.close())
  return made
}

interface Outcome {
  readonly reply?: Buffer | undefined
  readonly error?: ServiceError | null
  readonly trailer: Metadata
}

function unary(
  to: Client,
  path: string,
  message: Buffer,
  options: CallOptions = {},
  metadata = new Metadata(),
): Promise<Outcome> {
  return new Promise((resolve) => {
    let trailer = new Metadata()
    to.makeUnaryRequest(path, same, same, message, metadata, options, (error, reply) =>
      // 'status' follows the callback.
      setImmediate(() => resolve({ reply, error, trailer })),
    ).on('status', (end) => {
      trailer = end.metadata
    })
  })
}

t.test('unary: metadata both ways, and messages of 4 MiB', async (t) => {
  const metadata = new Metadata()
  metadata.set('k', 'v1')
  metadata.set('some-bin', Buffer.from([0, 200, 255]))
  const { reply, trailer } = await unary(client, ECHO.unary.path, Buffer.from('hello'), {}, metadata)
  t.equal(reply?.toString(), 'hello')
  t.strictSame(trailer.get('seen'), ['v1'])
  t.strictSame(calls.metadata.get('some-bin'), [Buffer.from([0, 200, 255])])
  t.match(calls.metadata.get('x-forwarded-client-cert'), [
    /URI=spiffe:\/\/cluster.local\/ns\/shop\/sa\/caller/,
  ])
  const large = Buffer.alloc(4 * 1024 * 1024, 'large ')
  t.ok((await unary(client, ECHO.unary.path, large)).reply?.equals(large))
  const larger = Buffer.alloc(16 * 1024 * 1024, 'larger ')
  t.ok(
    (await unary(client, ECHO.unary.path, larger)).reply?.equals(larger),
    'and more where both ends take it',
  )
  const strict = new Client(`127.0.0.1:${pair.port('echo')}`, credentials.createInsecure())
  t.teardown(() => strict.close())
  t.equal((await unary(strict, ECHO.unary.path, larger)).error?.code, status.RESOURCE_EXHAUSTED)
  t.match(await pair.server.line(({ path }) => path === ECHO.unary.path), {
    protocol: 'HTTP/2',
    status: 200,
    grpc_status: 0,
    flags: '-',
  })
})

t.test('a stream of requests, a stream of answers, and both in turns', async (t) => {
  const sum = await new Promise<string>((resolve, reject) => {
    const call = client.makeClientStreamRequest<Buffer, Buffer>(ECHO.up.path, same, same, (error, value) =>
      error ? reject(error) : resolve(String(value)),
    )
    for (let i = 0; i < 400; i++) call.write(Buffer.alloc(10_000))
    call.end()
  })
  t.equal(sum, '4000000')

  const down: string[] = []
  const answers = client.makeServerStreamRequest<Buffer, Buffer>(ECHO.down.path, same, same, Buffer.alloc(0))
  for await (const message of answers) down.push(String(message))
  t.strictSame(
    down,
    Array.from({ length: 100 }, (_, i) => String(i)),
  )

  const both: string[] = []
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
  call.write(Buffer.from('0'))
  for await (const message of call) {
    both.push(String(message))
    if (both.length < 50) call.write(Buffer.from(String(both.length)))
    else call.end()
  }
  t.equal(both.length, 50)
})

t.test("a server's error comes with its text and its metadata", async (t) => {
  const { error } = await unary(client, ECHO.fail.path, Buffer.alloc(0))
  t.match(error, { code: status.FAILED_PRECONDITION, details: 'not now: é %' })
  t.strictSame(error?.metadata.get('why-bin'), [Buffer.from([0, 1, 255])])
  t.equal((await unary(client, '/pair.Echo/None', Buffer.alloc(0))).error?.code, status.UNIMPLEMENTED)
})

t.test('a deadline goes on, shortened by what was used of it', async (t) => {
  const deadline = Date.now() + 30_000
  await unary(client, ECHO.unary.path, Buffer.from('x'), { deadline })
  const seen = Number(calls.deadline)
  // It is told as what is left, so that the time between processes is nobody's.
  t.ok(seen <= deadline + 5000 && seen > deadline - 20_000, `${seen - deadline} ms`)
  await unary(client, ECHO.unary.path, Buffer.from('x'))
  t.equal(calls.deadline, Infinity, 'nobody invents one')
  await unary(dial('bounded'), ECHO.unary.path, Buffer.from('x'), { deadline })
  t.ok(Number(calls.deadline) <= Date.now() + 5000, 'the shorter timeout of the route goes on')
})

t.test("past the route's timeout a call ends as DEADLINE_EXCEEDED, at both ends", async (t) => {
  const before = calls.cancelled
  // The deadline goes with the call: the server and both proxies watch it, and any of them may be the first.
  const { error } = await unary(impatient, ECHO.hang.path, Buffer.from('wait'))
  t.equal(error?.code, status.DEADLINE_EXCEEDED)
  await calls.until(() => calls.cancelled > before)
  t.match(await pair.caller.line(({ path }) => path === ECHO.hang.path), {
    status: 200,
    grpc_status: status.DEADLINE_EXCEEDED,
  })
})

t.test('the same where the server knows of no deadline: a proxy says so', async (t) => {
  const deaf = dial('deaf')
  // Connections all the way first: the call is to be where it hangs.
  await unary(deaf, '/broken/404', Buffer.alloc(0))
  const { error } = await unary(deaf, '/broken/hang', Buffer.alloc(0))
  t.match(error, { code: status.DEADLINE_EXCEEDED, details: 'the upstream took too long' })
  const lines = await Promise.all(
    [pair.caller, pair.server].map((proxy) => proxy.line(({ path }) => path === '/broken/hang')),
  )
  t.match(
    lines.find(({ flags }) => flags === 'UT'),
    { status: 200, grpc_status: status.DEADLINE_EXCEEDED, details: 'response_timeout' },
  )
})

t.test('the same after the first answer, by trailers', async (t) => {
  const call = impatient.makeServerStreamRequest<Buffer, Buffer>(
    ECHO.hang.path,
    same,
    same,
    Buffer.from('begin'),
  )
  const got: string[] = []
  call.on('data', (message: Buffer) => got.push(String(message)))
  const error = await new Promise<ServiceError>((resolve) => call.on('error', resolve))
  t.strictSame(got, ['begun'])
  t.equal(error.code, status.DEADLINE_EXCEEDED)
})

t.test('a grpc-timeout ends the call also where the client does not', async (t) => {
  // grpc-js writes its own from the deadline, so the header is set where that is not given.
  const metadata = new Metadata()
  metadata.set('grpc-timeout', '150m')
  const { error } = await unary(client, ECHO.hang.path, Buffer.from('wait'), {}, metadata)
  t.equal(error?.code, status.DEADLINE_EXCEEDED)
  await calls.until(() => calls.waiting === 0)
})

t.test('a cancellation reaches the server', async (t) => {
  const before = calls.cancelled
  const call = client.makeServerStreamRequest<Buffer, Buffer>(
    ECHO.hang.path,
    same,
    same,
    Buffer.from('begin'),
  )
  const failed = new Promise<ServiceError>((resolve) => call.on('error', resolve))
  await once(call, 'data')
  call.cancel()
  t.equal((await failed).code, status.CANCELLED)
  await calls.until(() => calls.cancelled > before && calls.waiting === 0)
  t.match(await pair.server.line(({ flags }) => flags === 'DC'), { details: 'downstream_remote_disconnect' })
})

t.test('failures of the proxies are statuses of gRPC', async (t) => {
  const { error } = await unary(dial('nobody'), ECHO.unary.path, Buffer.alloc(0))
  t.equal(error?.code, status.UNAVAILABLE)
  t.match(await pair.server.line(({ flags }) => flags.includes('UF')), { path: ECHO.unary.path })

  const broken = dial('broken')
  // https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
  const table = [
    [400, status.INTERNAL],
    [401, status.UNAUTHENTICATED],
    [403, status.PERMISSION_DENIED],
    [404, status.UNIMPLEMENTED],
    [429, status.UNAVAILABLE],
    [502, status.UNAVAILABLE],
    [503, status.UNAVAILABLE],
    [504, status.UNAVAILABLE],
    [500, status.UNKNOWN],
  ]
  for (const [http, grpc] of table)
    t.equal((await unary(broken, `/broken/${http}`, Buffer.alloc(0))).error?.code, grpc, String(http))
  t.equal((await unary(broken, '/broken/reset', Buffer.alloc(0))).error?.code, status.UNAVAILABLE)
})

t.test(`${STREAMS} calls of all four kinds open at once (WEFT_LONG=1: 10,000)`, async (t) => {
  const before = calls.cancelled
  const each = STREAMS / 4
  const numbers = Array.from({ length: each }, (_, i) => i)
  const unanswered = numbers.map((i) => unary(client, ECHO.wait.path, Buffer.from(`unary ${i}`)))
  const ups = numbers.map((i) => {
    let call: ClientWritableStream<Buffer>
    const sum = new Promise<string>((resolve, reject) => {
      call = client.makeClientStreamRequest<Buffer, Buffer>(ECHO.up.path, same, same, (error, value) =>
        error ? reject(error) : resolve(String(value)),
      )
      call.write(Buffer.alloc(1 + i))
    })
    return { sum, end: () => call.end() }
  })
  const downs = numbers.map(() =>
    client
      .makeServerStreamRequest<Buffer, Buffer>(ECHO.hang.path, same, same, Buffer.from('begin'))
      .on('error', () => {}),
  )
  const boths = numbers.map((i) => {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
    const got: string[] = []
    call.on('data', (message: Buffer) => got.push(String(message)))
    call.write(Buffer.from(`both ${i}`))
    return { call, got, end: once(call, 'end') }
  })
  await Promise.all([...downs, ...boths.map(({ call }) => call)].map((call) => once(call, 'data')))
  await calls.until(() => calls.held.length === each && calls.up === each && calls.waiting === each)
  t.equal((await unary(client, ECHO.unary.path, Buffer.from('still'))).reply?.toString(), 'still')

  for (const answer of calls.held.splice(0)) answer()
  for (const { end } of ups) end()
  for (const { call } of boths) call.end()
  for (const call of downs) call.cancel()
  const replies = await Promise.all(unanswered)
  t.ok(replies.every(({ reply }, i) => String(reply) === `unary ${i}`))
  const sums = await Promise.all(ups.map(({ sum }) => sum))
  t.ok(sums.every((sum, i) => sum === String(1 + i)))
  await Promise.all(boths.map(({ end }) => end))
  t.ok(boths.every(({ got }, i) => got.length === 1 && got[0] === `both ${i}`))
  await calls.until(() => calls.waiting === 0)
  t.equal(calls.cancelled, before + each)
  t.equal((await unary(client, ECHO.unary.path, Buffer.from('after'))).reply?.toString(), 'after')
})
