import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import { pack } from 'tar-stream'
import { describeError } from '../../core/errors.ts'
import { SecretRemover } from './secret-values.ts'

/** A file of the archive. */
export interface ArchivedFile {
  readonly name: string
  /** Before it is compressed. */
  readonly bytes: number
}

/** What is not in it, and why. */
export interface LeftOut {
  readonly name: string
  readonly why: string
}

export interface ArchiveBounds {
  /** Of one file of JSON, in bytes. */
  readonly json: number
  /** Of one log, in bytes: its end is kept. */
  readonly log: number
  /** Of all files together, before they are compressed. */
  readonly total: number
}

export const ARCHIVE_BOUNDS: ArchiveBounds = { json: 4 << 20, log: 256 << 10, total: 48 << 20 }

/** The list of contents, which is in the archive as well. */
export const CONTENTS_FILE = 'contents.json'

/**
 * Files for a tar archive, without their secrets and within their bounds. What cannot be had is noted, and never the end of it.
 */
export class ReportArchive {
  readonly remover = new SecretRemover()
  readonly #bounds: ArchiveBounds
  readonly #texts = new Map<string, string>()
  readonly #leftOut: LeftOut[] = []
  #bytes = 0

  constructor(bounds: ArchiveBounds = ARCHIVE_BOUNDS) {
    this.#bounds = bounds
  }

  json(name: string, value: unknown): void {
    const text = `${JSON.stringify(this.remover.json(value), undefined, 2)}\n`
    const { json } = this.#bounds
    if (Buffer.byteLength(text) > json) return this.omit(name, `it has more than ${size(json)}`)
    this.#put(name, text)
  }

  log(name: string, text: string): void {
    const { log } = this.#bounds
    const whole = Buffer.from(this.remover.text(text))
    if (whole.length <= log) return this.#put(name, whole.toString())
    const end = whole.subarray(whole.length - log)
    // From the next whole line on.
    this.#put(name, end.subarray(end.indexOf(10) + 1).toString())
    this.omit(`${name}, its beginning`, `it has more than ${size(log)}`)
  }

  omit(name: string, why: string): void {
    this.#leftOut.push({ name, why: this.remover.text(why) })
  }

  /** Puts in what the work brings; where it fails, the reason. */
  async take(name: string, work: () => Promise<unknown>): Promise<void> {
    try {
      const value = await work()
      if (value !== undefined) this.json(name, value)
    } catch (error) {
      this.omit(name, describeError(error))
    }
  }

  #put(name: string, text: string): void {
    const bytes = Buffer.byteLength(text)
    const { total } = this.#bounds
    if (this.#bytes + bytes > total)
      return this.omit(name, `all together would have more than ${size(total)}`)
    this.#bytes += bytes
    this.#texts.set(name, text)
  }

  /** A tar archive (POSIX.1-1988 ustar), compressed (RFC 1952), below one folder; `head` goes into the list of contents. */
  async finish(
    folder: string,
    head: object,
  ): Promise<{ bytes: Buffer; files: readonly ArchivedFile[]; leftOut: readonly LeftOut[] }> {
    const texts = [...this.#texts].map(([name, text]) => [name, this.remover.final(text)] as const)
    const files = texts.map(([name, text]) => ({ name, bytes: Buffer.byteLength(text) }))
    const leftOut = this.#leftOut.map(({ name, why }) => ({ name, why: this.remover.final(why) }))
    const contents = this.remover.final(
      `${JSON.stringify({ ...(this.remover.json(head) as object), files, leftOut }, undefined, 2)}\n`,
    )
    const tar = pack()
    const archive = buffer(tar.pipe(createGzip()))
    for (const [name, text] of [[CONTENTS_FILE, contents] as const, ...texts])
      tar.entry({ name: `${folder}/${name}`, mode: 0o600 }, text)
    tar.finalize()
    return { bytes: await archive, files, leftOut }
  }
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1 << 20 ? `${Math.round(bytes / 1024)} KiB` : `${Math.round(bytes / (1 << 20))} MiB`
}
