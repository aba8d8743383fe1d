import { statusLine } from './status-line.ts'

/** A whole response by which the connection ends. `text` is our own and holds nothing of the peer's. */
export function errorResponse(status: number, text: string): string {
  return (
    `${statusLine(status)}content-type: text/plain\r\ncontent-length: ${text.length + 1}\r\n` +
    `connection: close\r\n\r\n${text}\n`
  )
}
