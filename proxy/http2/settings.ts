import { SPELLING_SETTING } from '../../core/contract.ts'
import { FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, NO_ERROR, PROTOCOL_ERROR } from './error-code.ts'
import {
  DEFAULT_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  LARGEST_WINDOW,
  readUint32,
  writeUint32,
} from './frame.ts'

/** Parameters of SETTINGS (RFC 9113 section 6.5.2, RFC 8441 section 3). */
export const HEADER_TABLE_SIZE = 0x1
export const ENABLE_PUSH = 0x2
export const MAX_CONCURRENT_STREAMS = 0x3
export const INITIAL_WINDOW_SIZE = 0x4
export const MAX_FRAME_SIZE = 0x5
export const MAX_HEADER_LIST_SIZE = 0x6
export const ENABLE_CONNECT_PROTOCOL = 0x8

const ENTRY_BYTES = 6
const LARGEST_FRAME = 0xff_ffff

/** What the peer told us, and before that what everybody starts from. */
export class PeerSettings {
  headerTableSize = 4096
  /** The least of the last SETTINGS frame, where it gave several (RFC 7541 section 4.2). */
  leastHeaderTableSize = 4096
  /** What is assumed, until it is told. */
  maxConcurrentStreams: number
  initialWindowSize = DEFAULT_WINDOW_BYTES
  maxFrameSize = DEFAULT_FRAME_BYTES
  connectProtocol = false
  /** Reads the spelling of a link's messages. */
  spelling = false
  received = false

  constructor(assumedStreams: number) {
    this.maxConcurrentStreams = assumedStreams
  }

  /** Takes a payload over as a whole; the error code to end the connection with, or NO_ERROR. */
  apply(bytes: Uint8Array, from: number, to: number, fromServer: boolean): number {
    if ((to - from) % ENTRY_BYTES !== 0) return FRAME_SIZE_ERROR
    if (!this.received) this.maxConcurrentStreams = LARGEST_WINDOW
    this.received = true
    this.leastHeaderTableSize = Infinity
    for (let at = from; at < to; at += ENTRY_BYTES) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
      const error = this.#set(id, readUint32(bytes, at + 2), fromServer)
      if (error !== NO_ERROR) return error
    }
    return NO_ERROR
  }

  #set(id: number, value: number, fromServer: boolean): number {
    if (id === HEADER_TABLE_SIZE) {
      this.headerTableSize = value
      if (value < this.leastHeaderTableSize) this.leastHeaderTableSize = value
    } else if (id === ENABLE_PUSH) {
      if (value > 1 || (fromServer && value === 1)) return PROTOCOL_ERROR
    } else if (id === MAX_CONCURRENT_STREAMS) this.maxConcurrentStreams = value
    else if (id === INITIAL_WINDOW_SIZE) {
      if (value > LARGEST_WINDOW) return FLOW_CONTROL_ERROR
      this.initialWindowSize = value
    } else if (id === MAX_FRAME_SIZE) {
      if (value < DEFAULT_FRAME_BYTES || value > LARGEST_FRAME) return PROTOCOL_ERROR
      this.maxFrameSize = value
    } else if (id === ENABLE_CONNECT_PROTOCOL) {
      // RFC 8441 section 3: once given it is not taken back.
      if (value > 1 || (this.connectProtocol && value === 0)) return PROTOCOL_ERROR
      this.connectProtocol = value === 1
    } else if (id === SPELLING_SETTING) this.spelling = value === 1
    return NO_ERROR
  }
}

/** Payload of a SETTINGS frame: `entries` are id, value, id, value. */
export function encodeSettings(entries: readonly number[]): Buffer {
  const payload = Buffer.alloc((entries.length / 2) * ENTRY_BYTES)
  for (let i = 0, at = 0; i < entries.length; i += 2, at += ENTRY_BYTES) {
    const id = entries[i] as number
    payload[at] = id >>> 8
    payload[at + 1] = id
    writeUint32(payload, at + 2, entries[i + 1] as number)
  }
  return payload
}
