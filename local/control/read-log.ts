import { open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'

const CHUNK = 64 << 10
const POLL_MS = 100

/** A container's log as a stream; with `follow` it goes on until the reader leaves. */
export function readLog(file: string, options: { follow: boolean; tail: number | undefined }): Readable {
  return Readable.from(generate(file, options), { objectMode: false })
}

async function* generate(
  file: string,
  { follow, tail }: { follow: boolean; tail: number | undefined },
): AsyncGenerator<Buffer> {
  let at = tail === undefined ? 0 : await tailStart(file, tail)
  const chunk = Buffer.alloc(CHUNK)
  for (;;) {
    const size = await sizeOf(file)
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
    if (!follow) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Where the last `lines` lines begin. */
async function tailStart(file: string, lines: number): Promise<number> {
  const size = await sizeOf(file)
  if (size === 0) return 0
  const handle = await open(file, 'r')
  try {
    const from = Math.max(0, size - (1 << 20))
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
