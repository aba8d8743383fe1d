import { once } from 'node:events'
import { Agent, createServer as createHttp } from 'node:http'
import { connect, createServer as createTcp, type Socket } from 'node:net'
import { Client, credentials } from '@grpc/grpc-js'
import { describeError } from '../../core/errors.ts'
import { Calls, ECHO, serveEcho } from '../pair/testing/grpc-service.ts'
import type { Teardown } from '../pair/testing/pair.ts'
import { exchange } from '../traffic/uses.ts'
import { PORTS, SERVERS, type Bed } from './bed.ts'

/** Applications behind the servers' sidecars; gives how many HTTP requests each served, by its address. */
export async function startApplications(t: Teardown): Promise<ReadonlyMap<string, number>> {
  const served = new Map<string, number>()
  for (const { application } of SERVERS) {
    const web = createHttp((_, response) => {
      served.set(application, (served.get(application) ?? 0) + 1)
      response.end('ok')
    }).listen(PORTS.http.pod, application)
    const echo = createTcp((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    }).listen(PORTS.tcp.pod, application)
    await Promise.all([once(web, 'listening'), once(echo, 'listening')])
    const { server } = await serveEcho(new Calls(), `${application}:${PORTS.grpc.pod}`)
    t.teardown(() => {
      web.close()
      web.closeAllConnections()
      echo.close()
      server.forceShutdown()
    })
  }
  return served
}

export const USES = ['HTTP', 'HTTP, new connection', 'gRPC stream', 'TCP connection'] as const
export type Use = (typeof USES)[number]

export interface Tally {
  /** Requests, or messages that came back. */
  done: number
  failed: number
}

const PAUSE_MS = 10
const WORKERS = 4
const MESSAGE = Buffer.from('rotation')
const NO_ANSWER_MS = 10_000

/**
 * Requests on connections old and new; gRPC streams and TCP connections that stay open all the time and carry a message
 * every few milliseconds.
 */
export class Load {
  readonly tallies = new Map<Use, Tally>(USES.map((use) => [use, { done: 0, failed: 0 }]))
  /** The first ones. */
  readonly reasons: string[] = []
  readonly #bed: Bed
  readonly #stop = new AbortController()
  readonly #running: Promise<void>[] = []
  readonly #agent = new Agent({ keepAlive: true, maxSockets: WORKERS })
  readonly #client: Client

  constructor(bed: Bed) {
    this.#bed = bed
    const { host, port } = bed.outbound('grpc')
    this.#client = new Client(`${host}:${port}`, credentials.createInsecure())
  }

  /** Resolves once sidecars have what they need: before that nothing is promised. */
  async ready(): Promise<void> {
    for (;;) {
      try {
        await this.#get(undefined)
        const stream = await this.#stream()
        await stream.say().finally(() => stream.close())
        const connection = await this.#connection()
        return await connection.say().finally(() => connection.close())
      } catch {
        await pause(PAUSE_MS)
      }
    }
  }

  start(): void {
    for (let i = 0; i < WORKERS; i++) {
      this.#running.push(this.#repeat('HTTP', () => this.#get(this.#agent)))
      this.#running.push(this.#repeat('HTTP, new connection', () => this.#get(undefined)))
      this.#running.push(this.#conversation('gRPC stream', () => this.#stream()))
      this.#running.push(this.#conversation('TCP connection', () => this.#connection()))
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
    this.#agent.destroy()
    this.#client.close()
  }

  get failed(): number {
    return [...this.tallies.values()].reduce((sum, { failed }) => sum + failed, 0)
  }

  async #repeat(use: Use, once: () => Promise<void>): Promise<void> {
    const tally = this.tallies.get(use) as Tally
    while (!this.#stop.signal.aborted) {
      try {
        await once()
        tally.done++
      } catch (error) {
        this.#failed(use, error)
      }
      await pause(PAUSE_MS)
    }
  }

  /** One that is open for as long as it goes well, and then another. */
  async #conversation(use: Use, open: () => Promise<{ say(): Promise<void>; close(): void }>): Promise<void> {
    let one: Awaited<ReturnType<typeof open>> | undefined
    await this.#repeat(use, async () => {
      try {
        one ??= await open()
        await one.say()
      } catch (error) {
        one?.close()
        one = undefined
        throw error
      }
    })
    one?.close()
  }

  #failed(use: Use, error: unknown): void {
    const tally = this.tallies.get(use) as Tally
    tally.failed++
    if (this.reasons.length < 20) this.reasons.push(`${use}: ${describeError(error)}`)
  }

  async #get(agent: Agent | undefined): Promise<void> {
    const answer = await exchange({ ...this.#bed.outbound('http'), method: 'GET', path: '/', agent })
    if (answer.status !== 200)
      throw new Error(`${answer.status} ${String(answer.headers['proxy-status'] ?? answer.body.toString())}`)
  }

  async #stream(): Promise<{ say(): Promise<void>; close(): void }> {
    const same = (bytes: Buffer): Buffer => bytes
    const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
    const answers = new Answers()
    call.on('data', () => answers.came())
    call.on('error', (error: Error) => answers.ended(error))
    call.on('end', () => answers.ended(new Error('the stream ended')))
    return {
      say() {
        call.write(MESSAGE)
        return answers.next()
      },
      close: () => call.cancel(),
    }
  }

  async #connection(): Promise<{ say(): Promise<void>; close(): void }> {
    const socket: Socket = connect(this.#bed.outbound('tcp'))
    const answers = new Answers()
    socket.on('data', () => answers.came())
    socket.on('error', (error) => answers.ended(error))
    socket.on('close', () => answers.ended(new Error('the connection was closed')))
    await once(socket, 'connect')
    return {
      say() {
        socket.write(MESSAGE)
        return answers.next()
      },
      close: () => socket.destroy(),
    }
  }
}

/** The next answer on something that stays open. */
class Answers {
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined
  #over: Error | undefined

  next(): Promise<void> {
    if (this.#over) return Promise.reject(this.#over)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.ended(new Error('no answer in time')), NO_ANSWER_MS)
      this.#waiting = {
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
    })
  }

  came(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  ended(error: Error): void {
    this.#over ??= error
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
