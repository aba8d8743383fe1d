import { WeftError } from '../../core/errors.ts'

/** etcd takes objects of 1.5 MiB; with the default limits of an API server none is larger than 3 MiB. */
const MAX_LINE_BYTES = 16 * 1024 * 1024

/** Cuts a stream of bytes into lines. */
export class LineReader {
  #parts: Buffer[] = []
  #bytes = 0

  /** Bytes of a line whose end has not come. */
  get pending(): number {
    return this.#bytes
  }

  /** Empty lines are left out. Throws WeftError `kubernetes.malformed` for a line without an end. */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(10, start)
      if (end === -1) break
      const line = this.#take(chunk.subarray(start, end))
      start = end + 1
      if (line !== '') onLine(line)
    }
    if (start === chunk.length) return
    this.#parts.push(chunk.subarray(start))
    this.#bytes += chunk.length - start
    if (this.#bytes > MAX_LINE_BYTES) {
      throw new WeftError('kubernetes.malformed', `an event is longer than ${MAX_LINE_BYTES} bytes`)
    }
  }

  #take(last: Buffer): string {
    if (this.#bytes === 0) return last.toString('utf8')
    const line = Buffer.concat([...this.#parts, last]).toString('utf8')
    this.#parts = []
    this.#bytes = 0
    return line
  }
}
