import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js'

const same = (bytes: Buffer): Buffer => bytes
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/pair.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})

export const ECHO = {
  unary: method('Unary', false, false),
  up: method('Up', true, false),
  down: method('Down', false, true),
  both: method('Both', true, true),
  hang: method('Hang', false, true),
  fail: method('Fail', false, false),
  wait: method('Wait', false, false),
}

/** What the server saw of calls that wait: how many run, how many were cancelled, and the last one's metadata. */
export class Calls {
  waiting = 0
  cancelled = 0
  /** Unary calls that are answered when somebody says so. */
  readonly held: (() => void)[] = []
  /** Streams of requests that have begun and not ended. */
  up = 0
  metadata = new Metadata()
  deadline: unknown
  #watch: (() => void)[] = []

  changed(): void {
    for (const watch of this.#watch.splice(0)) watch()
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#watch.push(resolve))
  }
}

/** An echo in all four kinds of call, one that never ends after its first answer, one that waits, and one that fails. */
export async function serveEcho(calls: Calls, at = '127.0.0.1:0'): Promise<{ server: Server; port: number }> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_concurrent_streams': 20_000 })
  server.addService(ECHO, {
    unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      calls.metadata = call.metadata
      calls.deadline = call.getDeadline()
      const trailer = new Metadata()
      trailer.set('seen', String(call.metadata.get('k')[0] ?? ''))
      done(null, call.request, trailer)
    },
    up(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      let bytes = 0
      call.once('data', () => {
        calls.up++
        calls.changed()
      })
      call.on('data', (message: Buffer) => {
        bytes += message.length
      })
      call.on('end', () => {
        calls.up--
        done(null, Buffer.from(String(bytes)))
      })
    },
    down(call: ServerWritableStream<Buffer, Buffer>) {
      for (let i = 0; i < 100; i++) call.write(Buffer.from(String(i)))
      call.end()
    },
    both(call: ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (message: Buffer) => call.write(message))
      call.on('end', () => call.end())
    },
    hang(call: ServerWritableStream<Buffer, Buffer>) {
      calls.waiting++
      calls.metadata = call.metadata
      calls.changed()
      call.on('cancelled', () => {
        calls.waiting--
        calls.cancelled++
        calls.changed()
      })
      if (call.request.toString() === 'begin') call.write(Buffer.from('begun'))
    },
    wait(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      calls.held.push(() => done(null, call.request))
      calls.changed()
    },
    fail(_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      const metadata = new Metadata()
      metadata.set('why-bin', Buffer.from([0, 1, 255]))
      done({ code: status.FAILED_PRECONDITION, details: 'not now: é %', metadata })
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(at, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  return { server, port }
}
