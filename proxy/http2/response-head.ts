import type { FieldBlock } from './field-block.ts'
import type { HpackEncoder } from './hpack/encoder.ts'
import { STATUS } from './hpack/field-kind.ts'

// Whole entries of the static table.
const STATIC_STATUS = new Map([
  [200, 8],
  [204, 9],
  [206, 10],
  [304, 11],
  [400, 12],
  [404, 13],
  [500, 14],
])

/** Status of a response block, or what makes it malformed (RFC 9113 section 8.3.2). */
export function readStatus(block: FieldBlock): number | string {
  if (block.fault !== '') return block.fault
  if (block.status === '200')
    return block.hasPseudo && onlyStatus(block) ? 200 : 'request fields in a response'
  if (!block.has(STATUS)) return ':status is missing'
  // Up to 999, as in HTTP/1.1: RFC 9110 section 15 has a client take an unknown class for 5xx, not refuse it.
  if (!/^[1-9][0-9]{2}$/.test(block.status)) return ':status is malformed'
  if (!onlyStatus(block)) return 'request fields in a response'
  // Section 8.6: HTTP/2 has no 101.
  return block.status === '101' ? ':status 101' : Number(block.status)
}

function onlyStatus(block: FieldBlock): boolean {
  return block.method === '' && block.path === '' && block.scheme === '' && block.authority === ''
}

export function writeStatus(encoder: HpackEncoder, status: number): void {
  const index = STATIC_STATUS.get(status)
  if (index !== undefined) encoder.fixed(index)
  else encoder.field(':status', String(status))
}

/**
 * The status that says on an extended CONNECT stream what `status` says in HTTP/1.1 (RFC 8441 section 5):
 * 200 accepts. A server that ignored the Upgrade and answered with a 2xx cannot be told: that is a 502.
 */
export function tunnelStatus(status: number): number {
  if (status === 101) return 200
  return status >= 200 && status < 300 ? 502 : status
}
