import type { ResetReason } from '../http/stream.ts'

/** Error codes of RST_STREAM and GOAWAY (RFC 9113 section 7). */
export const NO_ERROR = 0x0
export const PROTOCOL_ERROR = 0x1
export const INTERNAL_ERROR = 0x2
export const FLOW_CONTROL_ERROR = 0x3
export const SETTINGS_TIMEOUT = 0x4
export const STREAM_CLOSED = 0x5
export const FRAME_SIZE_ERROR = 0x6
export const REFUSED_STREAM = 0x7
export const CANCEL = 0x8
export const COMPRESSION_ERROR = 0x9
export const CONNECT_ERROR = 0xa
export const ENHANCE_YOUR_CALM = 0xb

const NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]

const REASONS: ResetReason[] = [
  'cancel',
  'protocol',
  'connection',
  'protocol',
  'timeout',
  'protocol',
  'protocol',
  'refused',
  'cancel',
  'protocol',
  'connection',
  'overload',
  'protocol',
  'protocol',
]

export function nameOfCode(code: number): string {
  return NAMES[code] ?? `error code ${code}`
}

/** What a peer's code means to whoever reads the stream; an unknown code is like INTERNAL_ERROR. */
export function reasonOfCode(code: number): ResetReason {
  return REASONS[code] ?? 'connection'
}

const CODES: Record<ResetReason, number> = {
  cancel: CANCEL,
  refused: REFUSED_STREAM,
  connection: INTERNAL_ERROR,
  protocol: PROTOCOL_ERROR,
  timeout: CANCEL,
  stalled: CANCEL,
  overload: ENHANCE_YOUR_CALM,
}

export function codeOfReason(reason: ResetReason): number {
  return CODES[reason]
}
