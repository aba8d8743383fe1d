import type { HeadBlock } from './head-block.ts'
import { HeadReader } from './head-reader.ts'
import { MAX_HEAD_BYTES } from './limits.ts'
import { malformed, type MessageError } from './message-error.ts'
import { parseResponseHead, type ParsedResponse } from './response-head.ts'

/** The heads of a connection's responses. */
export class ResponseReader extends HeadReader<ParsedResponse> {
  constructor() {
    super(MAX_HEAD_BYTES)
  }

  protected parse(bytes: Buffer, at: number, to: number): ParsedResponse | undefined {
    return parseResponseHead(bytes, at, to)
  }

  protected refusal(begun: HeadBlock): MessageError | undefined {
    if (begun.length < this.limit) return undefined
    return malformed('head_too_large', 'the head of the response is too large')
  }
}
