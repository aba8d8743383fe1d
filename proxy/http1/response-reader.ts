import type { HeadBlock } from './head-block.ts'
import { HeadReader } from './head-reader.ts'
import type { MessageError } from './message-error.ts'
import { answerTooLarge, parseResponseHead, type ParsedResponse } from './response-head.ts'

/** The heads of a connection's responses. */
export class ResponseReader extends HeadReader<ParsedResponse> {
  protected parse(bytes: Buffer, at: number, to: number): ParsedResponse | undefined {
    return parseResponseHead(bytes, at, to, this.limits)
  }

  protected refusal(begun: HeadBlock): MessageError | undefined {
    if (begun.length < this.limits.maxBytes) return undefined
    return answerTooLarge(this.limits)
  }
}
