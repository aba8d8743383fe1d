import type { Socket } from 'node:net'
import { connectCaller, type Caller } from './connect.ts'
import { GrpcCaller } from './grpc.ts'
import { Http1Caller } from './http1.ts'
import { Meter, type RunResult } from './meter.ts'
import type { LoadReply, LoadRequest } from './protocol.ts'
import { TcpCaller } from './tcp.ts'

// The process of the closed-loop load: each message is one turn, answered by what was measured. A caller has
// one exchange open at a time and begins the next when it has its answer.

const STREAMS_A_CONNECTION = 64
const TRACED =
  'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\nx-request-id: 0af76519-16cd-43dd-8448-eb211c80319c\r\n'
/** How long a window waits at most for every caller's first answer: connections that still open are another case. */
const LONGEST_WARM_UP_MS = 10_000

/** Everything that one turn holds open. */
class Turn {
  readonly meter: Meter
  failed = false
  readonly #request: LoadRequest
  readonly #sockets = new Set<Socket>()

  constructor(request: LoadRequest, fail: (error: Error) => void) {
    this.#request = request
    this.meter = new Meter(request.size, (error) => {
      this.failed = true
      fail(error)
    })
  }

  begin(): void {
    const { kind, connections, size } = this.#request
    // Each connection of `connect` is a first one.
    if (kind !== 'connect') this.meter.waiting = connections
    if (kind === 'grpc') {
      for (let left = connections; left > 0; left -= STREAMS_A_CONNECTION)
        this.#open(new GrpcCaller(this.meter, size, Math.min(left, STREAMS_A_CONNECTION)))
      return
    }
    for (let i = 0; i < connections; i++) {
      if (kind === 'connect') this.#again()
      else if (kind === 'tcp') this.#open(new TcpCaller(this.meter, size))
      else this.#open(new Http1Caller(this.meter, size, kind === 'traced' ? TRACED : ''))
    }
  }

  /** Callers finish what they have open and ask for nothing more. */
  idle(): void {
    this.meter.stopped = true
  }

  end(): void {
    this.idle()
    for (const socket of this.#sockets) socket.destroy()
  }

  #again(): void {
    if (!this.meter.stopped) this.#open(new TcpCaller(this.meter, this.#request.size, () => this.#again()))
  }

  #open(caller: Caller): void {
    const socket = connectCaller(this.#request.port, caller)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

function run(request: LoadRequest): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const turn = new Turn(request, (error) => {
      turn.end()
      reject(error)
    })
    turn.begin()
    const began = performance.now()
    const open = (): void => {
      if (turn.failed) return
      if (turn.meter.waiting > 0 && performance.now() - began < LONGEST_WARM_UP_MS) {
        setTimeout(open, 50)
        return
      }
      if (request.kind === 'hold') turn.idle()
      turn.meter.open(request.proxies, request.cpu)
      setTimeout(close, request.windowMs)
    }
    const close = (): void => {
      if (turn.failed) return
      const result = turn.meter.close(request.proxies)
      turn.end()
      resolve(result)
    }
    setTimeout(open, request.warmupMs)
  })
}

process.on('message', (request: LoadRequest) => {
  run(request).then(
    (result) => process.send?.({ ok: true, ...result } satisfies LoadReply),
    (error: Error) => process.send?.({ ok: false, error: error.message } satisfies LoadReply),
  )
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
