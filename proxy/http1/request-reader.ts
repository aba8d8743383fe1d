import type { HeadLimits } from '../http/head-limits.ts'
import { CR, LF } from './characters.ts'
import type { HeadBlock } from './head-block.ts'
import { HeadReader } from './head-reader.ts'
import { malformed, type MessageError } from './message-error.ts'
import { headTooLarge, parseRequestHead, targetTooLong, type ParsedRequest } from './request-head.ts'

/** The heads of a connection's requests. */
export class RequestReader extends HeadReader<ParsedRequest> {
  readonly #scheme: string
  /** Of the empty line that may stand before a request. */
  #emptyLineBytes = 0

  /** `scheme`: what the client used. */
  constructor(scheme: string, limits: HeadLimits) {
    super(limits)
    this.#scheme = scheme
  }

  override read(chunk: Buffer, at: number): ParsedRequest | undefined {
    if (!this.within) {
      const c = chunk[at] as number
      if (c === CR || c === LF || this.#emptyLineBytes === 1) return this.#emptyLine(c, at)
    }
    const parsed = super.read(chunk, at)
    if (parsed !== undefined) this.#emptyLineBytes = 0
    return parsed
  }

  /** RFC 9112 section 2.2: one empty line may come first. */
  #emptyLine(c: number, at: number): undefined {
    if (c !== (this.#emptyLineBytes === 0 ? CR : LF) || this.#emptyLineBytes === 2) {
      throw malformed('empty_line', 'only one empty line may stand before a request')
    }
    this.#emptyLineBytes++
    this.position = at + 1
    return undefined
  }

  protected parse(bytes: Buffer, at: number, to: number): ParsedRequest | undefined {
    return parseRequestHead(bytes, at, to, this.#scheme, this.limits)
  }

  protected refusal(begun: HeadBlock): MessageError | undefined {
    if (begun.length < this.limits.maxBytes) return undefined
    return begun.lines > 0 ? headTooLarge(this.limits) : targetTooLong(this.limits)
  }
}
