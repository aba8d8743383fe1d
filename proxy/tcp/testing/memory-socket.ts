import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'

/** A connection without a socket, as `net.Socket` as far as a transport uses it: the test is the peer. */
export class MemorySocket extends Duplex {
  /** What came to the peer. */
  text = ''
  /** The peer was told of the end in order. */
  ended = false
  reset = false
  /** The peer takes nothing for now. */
  #holds = false
  #taken: (() => void) | undefined

  constructor() {
    super({ allowHalfOpen: true })
    this.on('error', () => {})
  }

  /** For what wants the type. */
  get socket(): Socket {
    return this as unknown as Socket
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('latin1')
    if (this.#holds) this.#taken = done
    else done()
  }

  override _final(done: () => void): void {
    this.ended = true
    done()
  }

  setNoDelay(): this {
    return this
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy()
    else this.end(() => this.destroy())
  }

  resetAndDestroy(): this {
    this.reset = true
    return this.destroy()
  }

  // The peer's.

  say(text: string): void {
    this.push(Buffer.from(text, 'latin1'))
  }

  finish(): void {
    this.push(null)
  }

  hold(): void {
    this.#holds = true
  }

  /** Takes what is on its way, and no more. */
  accept(): void {
    const done = this.#taken
    this.#taken = undefined
    done?.()
  }
}

/** Resolves when everything that streams put off is done. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}
