import type { HeadLimits } from '../http/head-limits.ts'
import { HeadBlock } from './head-block.ts'
import type { MessageError } from './message-error.ts'

/** A head that was parsed. Reused: it is used up before the next head is. */
export interface ParsedHead {
  /** Offset after it. */
  end: number
  /** The peer wants the connection to go on. */
  keepAlive: boolean
  chunked: boolean
  /** -1: not said. */
  contentLength: number
}

/** Takes heads from a connection's bytes: without a copy where one read holds all of it. */
export abstract class HeadReader<Parsed extends ParsedHead> {
  /** Where `read` stopped. */
  position = 0
  protected readonly limits: HeadLimits
  readonly #block = new HeadBlock()

  constructor(limits: HeadLimits) {
    this.limits = limits
  }

  /** Undefined where `to` comes before the end. Throws MessageError. */
  protected abstract parse(bytes: Buffer, at: number, to: number): Parsed | undefined
  /** Why a head that begins so and goes on is not read on. */
  protected abstract refusal(begun: HeadBlock): MessageError | undefined

  /** Some of a head was read. */
  get within(): boolean {
    return this.#block.length > 0
  }

  /**
   * Goes on with what `chunk` holds from `at`; the head once it is whole, and undefined before. Sets `position`.
   * Throws MessageError.
   */
  read(chunk: Buffer, at: number): Parsed | undefined {
    const block = this.#block
    if (block.length === 0) {
      const parsed = this.parse(chunk, at, chunk.length)
      if (parsed !== undefined) {
        this.position = parsed.end
        return parsed
      }
    }
    this.position = at + block.add(chunk, at, this.limits.maxBytes)
    if (block.complete) {
      const parsed = this.parse(block.bytes, 0, block.length)
      block.clear()
      return parsed
    }
    const refusal = this.refusal(block)
    if (refusal !== undefined) throw refusal
    return undefined
  }

  /** Forgets what was read of a head. */
  clear(): void {
    this.#block.clear()
  }
}
