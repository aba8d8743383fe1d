import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from '../pair/testing/pair.ts'

/** What a token issuer answers to who asks for its keys. */
export type IssuerAnswer =
  | { readonly kind: 'keys'; readonly keys: readonly object[] }
  | { readonly kind: 'text'; readonly status: number; readonly text: string }
  /** Heads and never a body. */
  | { readonly kind: 'silent' }

/** A JWKS server on loopback, of which a test says what it answers. */
export class IssuerServer {
  answer: IssuerAnswer = { kind: 'keys', keys: [] }
  /** How often it was asked. */
  asked = 0
  #server: Server | undefined
  #port = 0

  static async start(t: Teardown): Promise<IssuerServer> {
    const server = new IssuerServer()
    await server.listen()
    t.teardown(() => server.close())
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/keys`
  }

  /** Again at the port that it had. */
  async listen(): Promise<void> {
    this.#server = createServer((_, response) => {
      this.asked++
      const { answer } = this
      if (answer.kind === 'silent') return response.writeHead(200).flushHeaders()
      const [status, text] =
        answer.kind === 'keys' ? [200, JSON.stringify({ keys: answer.keys })] : [answer.status, answer.text]
      response.writeHead(status, { 'content-type': 'application/json' }).end(text)
    })
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
    this.#server = undefined
  }
}
