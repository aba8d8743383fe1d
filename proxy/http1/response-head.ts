import type { ResponseHead } from '../http/message.ts'
import { BadMessage } from './bad-message.ts'
import { parseFields, type FieldBlock } from './field-block.ts'

export interface ParsedResponse {
  readonly head: ResponseHead
  readonly block: FieldBlock
  readonly old: boolean
}

/** Parses a whole response head (RFC 9112 section 4). Throws BadMessage. */
export function parseResponse(text: string): ParsedResponse {
  const lineEnd = text.indexOf('\r\n')
  const old = text.startsWith('HTTP/1.0 ')
  if (!old && !text.startsWith('HTTP/1.1 ')) throw new BadMessage('malformed status line')
  const status = Number(text.slice(9, 12))
  const after = text.charCodeAt(12)
  // The space before an empty reason is left out by some servers.
  if (!/^[1-9]\d\d$/.test(text.slice(9, 12)) || (after !== 0x20 && after !== 0x0d))
    throw new BadMessage('malformed status line')
  for (let i = 13; i < lineEnd; i++)
    if (text.charCodeAt(i) < 0x20 && text.charCodeAt(i) !== 0x09)
      throw new BadMessage('control character in the reason')
  const block = parseFields(text, lineEnd + 2, text.length - 2)
  if (block.host !== undefined) block.fields.push('host', block.host)
  if (old && block.chunked) throw new BadMessage('Transfer-Encoding in an HTTP/1.0 response')
  return { head: { status, fields: block.fields }, block, old }
}
