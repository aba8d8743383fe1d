import { Client, credentials } from '@grpc/grpc-js'
import { request } from 'node:http'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { ECHO } from '../../pair/testing/grpc-service.ts'

/** What came of one use, and how long its caller waited for that. */
export interface Outcome {
  /** 0: the connection ended. */
  readonly status: number
  /** Which node answered; 0: none. */
  readonly node: number
  /** The answer is as long as it says. */
  readonly whole: boolean
  /** From when it began, and from the monotonic clock's zero. Milliseconds. */
  readonly ms: number
  readonly at: number
}

/** One request on a connection of its own. `body`: sent in pieces, as many as it says, 50 ms apart. */
export function ask(port: number, method: string, path: string, body?: { pieces: number }): Promise<Outcome> {
  const begun = performance.now()
  return new Promise((resolve) => {
    let status = 0
    let node = 0
    const over = (whole: boolean): void => {
      clearInterval(sending)
      const at = performance.now()
      resolve({ status, node, whole, ms: at - begun, at })
    }
    const sent = request({ port, host: '127.0.0.1', method, path, agent: false }, (response) => {
      status = response.statusCode ?? 0
      node = Number(response.headers['x-node'] ?? 0)
      response.resume().on('end', () => over(true))
      response.on('error', () => over(false))
    })
    sent.on('error', () => over(false))
    let sending: NodeJS.Timeout | undefined
    if (!body) return void sent.end()
    const piece = Buffer.alloc(64 * 1024, 'upload ')
    let left = body.pieces
    sending = setInterval(() => {
      if (left-- > 0) return void sent.write(piece)
      clearInterval(sending)
      sent.end()
    }, 50)
  })
}

/** Something that stays open until it ends. */
export interface Open {
  /** Whether what it was asked last has come back. */
  readonly answered: boolean
  /** When it ended, on the monotonic clock; undefined: it is open. */
  readonly endedAt: number | undefined
  /** Says something that is to come back. */
  say(): void
  end(): void
}

/** Resolves when it is open and its first echo is here. */
export function openTcp(port: number): Promise<Open> {
  return new Promise((resolve) => {
    const open = { answered: false, endedAt: undefined as number | undefined, say: () => {}, end: () => {} }
    const socket = connect({ port, host: '127.0.0.1' })
    open.say = () => {
      open.answered = false
      socket.write('x')
    }
    open.end = () => socket.destroy()
    socket.once('data', () => {
      socket.on('data', () => (open.answered = true))
      open.answered = true
      resolve(open)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      open.endedAt = performance.now()
      resolve(open)
    })
  })
}

export function openWebSocket(port: number): Promise<Open> {
  return new Promise((resolve) => {
    const open = { answered: false, endedAt: undefined as number | undefined, say: () => {}, end: () => {} }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    open.say = () => {
      open.answered = false
      socket.send('x')
    }
    open.end = () => socket.terminate()
    socket.on('open', () => open.say())
    socket.on('message', () => {
      open.answered = true
      resolve(open)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      open.endedAt = performance.now()
      resolve(open)
    })
  })
}

const same = (bytes: Buffer): Buffer => bytes

/** A stream of gRPC in both directions, on a connection of its own. */
export function openGrpc(port: number): Promise<Open> {
  return new Promise((resolve) => {
    const open = { answered: false, endedAt: undefined as number | undefined, say: () => {}, end: () => {} }
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
    open.say = () => {
      open.answered = false
      call.write(Buffer.from('x'))
    }
    open.end = () => {
      call.cancel()
      client.close()
    }
    call.on('data', () => {
      open.answered = true
      resolve(open)
    })
    call.on('error', () => {})
    call.on('status', () => {
      open.endedAt ??= performance.now()
      client.close()
      resolve(open)
    })
    open.say()
  })
}
