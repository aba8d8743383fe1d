import type { Duplex } from 'node:stream'

/**
 * What a connection of `exec` carries after the upgrade, both ways: a byte that says what, four bytes of length
 * (big endian), that many bytes. The caller begins with `start`. It leaves by closing: its FIN is no end of input.
 */
export const FRAME = {
  /** From the caller: JSON, an ExecRequest. */
  start: 0,
  /** From the caller: input; an empty one is its end. */
  stdin: 1,
  stdout: 2,
  stderr: 3,
  /** JSON, an ExecEnd: the last one. */
  end: 4,
  /** From the caller: JSON, the TerminalSize that its window has now. */
  resize: 5,
} as const

export const EXEC_PROTOCOL = 'weft-exec'

export interface ExecRequest {
  readonly pod: string
  readonly container?: string | undefined
  readonly argv: readonly string[]
  /** Ended after this many milliseconds; not at all unless given. */
  readonly timeoutMs?: number | undefined
  /** Runs in a terminal: what it says on stderr comes on stdout, too. */
  readonly terminal?: Terminal | undefined
}

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export interface Terminal extends TerminalSize {
  /** What the caller's terminal is, for the variable TERM. */
  readonly type: string
}

export type ExecEnd =
  /** `code` is 124 for what took longer than `timeoutMs`, as timeout(1) has it. */
  | { readonly code: number; readonly timedOut: boolean }
  /** It could not be started. */
  | { readonly error: { readonly code: string; readonly message: string } }

const HEAD = 5
const MAX_FRAME = 16 << 20

/** Writes one frame; false when the connection has enough for now. */
export function writeFrame(socket: Duplex, type: number, payload: Uint8Array): boolean {
  if (socket.destroyed || socket.writableEnded) return true
  const head = Buffer.alloc(HEAD)
  head[0] = type
  head.writeUInt32BE(payload.length, 1)
  socket.cork()
  socket.write(head)
  const room = socket.write(payload)
  socket.uncork()
  return room
}

export function writeJson(socket: Duplex, type: number, value: ExecRequest | ExecEnd | TerminalSize): void {
  writeFrame(socket, type, Buffer.from(JSON.stringify(value)))
}

/** Puts frames together again from whatever pieces come. Throws at one that is longer than any of ours. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): { readonly type: number; readonly payload: Buffer }[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: { type: number; payload: Buffer }[] = []
    while (rest.length >= HEAD) {
      const length = rest.readUInt32BE(1)
      if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes`)
      if (rest.length < HEAD + length) break
      frames.push({ type: rest[0] ?? 0, payload: rest.subarray(HEAD, HEAD + length) })
      rest = rest.subarray(HEAD + length)
    }
    this.#rest = rest
    return frames
  }
}
