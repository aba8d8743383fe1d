import { WeftError } from '../../core/errors.ts'

/** A message that breaks HTTP/1.1 or a limit. `status` is what a server answers before it closes. */
export class MessageError extends WeftError {
  readonly status: number

  constructor(status: number, code: string, message: string, field?: string) {
    super(`http1.${code}`, message, field === undefined ? {} : { field })
    this.status = status
  }
}

/** The peer's message is malformed: 400. `code` is stable; `message` never repeats the peer's bytes. */
export function malformed(code: string, message: string, field?: string): MessageError {
  return new MessageError(400, code, message, field)
}
