import { request as httpRequest } from 'node:http'
import { Duplex } from 'node:stream'
import { Agent, ProxyAgent, WebSocket } from 'undici'
import { reasonOf } from '../../control-plane/kubernetes/api-error.ts'
import type { CurrentCredentials } from '../../control-plane/kubernetes/credentials.ts'
import { WeftError } from '../../core/errors.ts'

/** The kubelet's: the first byte of a message is its channel, data and errors of each port have one (k8s.io/streaming). */
const PROTOCOL = 'v4.channel.k8s.io'
const DATA = 0
const ERROR = 1
const TIMEOUT_MS = 15_000

export interface ForwardTarget {
  /** Of the API server. */
  readonly server: string
  readonly credentials: CurrentCredentials
  readonly namespace: string
  readonly pod: string
  readonly port: number
}

/**
 * GET of a page that a pod serves on its loopback address, by the port-forward that `kubectl port-forward` makes: the
 * rights to get and to create pods/portforward are all that it takes: over WebSocket an API server asks for `get`, as the request
 * is a GET, and from 1.35 on for `create`, too. Throws WeftError `port_forward.*`.
 */
export async function getThroughPod(
  target: ForwardTarget,
  path: string,
): Promise<{ status: number; text: string }> {
  const stream = new ForwardedStream(target)
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(failure('no answer came for 15 s')), TIMEOUT_MS)
      const settle =
        <T>(done: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          done(value)
        }
      stream.once('error', settle(reject))
      const sent = httpRequest(
        {
          path,
          host: 'localhost',
          createConnection: () => stream,
          headers: { connection: 'close' },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('error', settle(reject))
          response.on('end', () => settle(resolve)({ status: response.statusCode ?? 0, text }))
        },
      )
      sent.on('error', settle(reject))
      sent.end()
    })
  } catch (error) {
    throw error instanceof WeftError ? error : failure(reasonOf(error))
  } finally {
    stream.destroy()
  }
}

/** The bytes of one forwarded port. What goes wrong is an `error` with a WeftError. */
export class ForwardedStream extends Duplex {
  readonly #socket: WebSocket
  readonly #dispatcher: Agent | ProxyAgent
  readonly #opened = Promise.withResolvers<void>()
  /** Channels that have named their port, as each does in its first message. */
  readonly #begun = new Set<number>()

  constructor({ server, credentials, namespace, pod, port }: ForwardTarget) {
    super()
    const { tls, headers, proxy } = credentials
    this.#opened.promise.catch(() => {})
    this.#dispatcher = proxy
      ? new ProxyAgent({ uri: proxy, requestTls: tls, allowH2: false })
      : new Agent({ connect: tls, allowH2: false })
    const url = new URL(
      `${server.replace(/^http/, 'ws')}/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`,
    )
    this.#socket = new WebSocket(url, { protocols: [PROTOCOL], headers, dispatcher: this.#dispatcher })
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.addEventListener('open', () => this.#opened.resolve())
    this.#socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) this.#receive(Buffer.from(data))
    })
    this.#socket.addEventListener('close', () => this.push(null))
    this.#socket.addEventListener('error', ({ error, message }) => {
      // undici often has nothing but the name of an error without a text.
      const said = message || (error instanceof Error ? error.message : '')
      const why = said || 'the API server is not reached, or refuses'
      const wrong = failure(
        `${namespace}/${pod} gives no connection to its port ${port}: ${why}; it must run, and you need verbs "get" and "create" ` +
          'on pods/portforward',
      )
      this.#opened.reject(wrong)
      this.destroy(wrong)
    })
  }

  #receive(message: Buffer): void {
    const [channel = 0] = message
    const first = !this.#begun.has(channel)
    this.#begun.add(channel)
    // The port, in two bytes.
    const data = message.subarray(first ? 3 : 1)
    if (data.length === 0) return
    if (channel === DATA) this.push(data)
    if (channel === ERROR) this.destroy(failure(data.toString('utf8').trim()))
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#opened.promise.then(() => {
      this.#socket.send(Buffer.concat([Buffer.of(DATA), chunk]))
      done()
    }, done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.close()
    void this.#dispatcher.destroy()
    done(error)
  }
}

function failure(message: string): WeftError {
  return new WeftError('port_forward.failed', message)
}
