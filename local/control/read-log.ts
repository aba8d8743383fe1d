import { open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'

const CHUNK = 64 << 10
const POLL_MS = 100

export interface LogPart {
  /** Where it begins and ends, in bytes of the file; without `to` at the file's end. */
  readonly from: number
  readonly to?: number | undefined
  /** It goes on at the end of the file until the reader leaves. */
  readonly follow?: boolean
  /** The last lines of it only. */
  readonly tail?: number | undefined
}

/** A part of a container's log as a stream. */
export function readLog(file: string, part: LogPart): Readable {
  // A generator that waits hears of no end before its next yield.
  const stream: Readable = Readable.from(
    generate(file, part, () => stream.destroyed),
    { objectMode: false },
  )
  return stream
}

async function* generate(
  file: string,
  { from, to = Number.MAX_SAFE_INTEGER, follow, tail }: LogPart,
  left: () => boolean,
): AsyncGenerator<Buffer> {
  let at = tail === undefined ? from : await tailStart(file, tail, from, to)
  const chunk = Buffer.alloc(CHUNK)
  for (;;) {
    const size = Math.min(to, await sizeOf(file))
    // Cut because it had grown too long.
    if (size < at) at = 0
    if (size > at) {
      const handle = await open(file, 'r')
      try {
        while (at < size) {
          const { bytesRead } = await handle.read(chunk, 0, Math.min(CHUNK, size - at), at)
          if (bytesRead === 0) break
          at += bytesRead
          yield Buffer.from(chunk.subarray(0, bytesRead))
        }
      } finally {
        await handle.close()
      }
    }
    if (!follow || left()) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Where the last `lines` lines of a part begin. */
async function tailStart(file: string, lines: number, least: number, to: number): Promise<number> {
  const size = Math.min(to, await sizeOf(file))
  if (size <= least) return least
  const handle = await open(file, 'r')
  try {
    const from = Math.max(least, size - (1 << 20))
    const { buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from)
    let at = buffer.length
    for (let found = 0; found <= lines && at > 0; found++) at = buffer.lastIndexOf(0x0a, at - 1)
    return from + at + 1
  } finally {
    await handle.close()
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (stats) => stats.size,
    () => 0,
  )
}
