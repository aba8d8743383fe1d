/** One entry of an archive. Paths are relative, directories without a slash at their end. */
export interface TarEntry {
  readonly path: string
  readonly type: 'file' | 'directory' | 'link'
  /** Permission bits. */
  readonly mode: number
  readonly content?: Buffer
  /** Where a symbolic link leads. */
  readonly target?: string
}

const BLOCK = 512
const TYPE_FLAGS = { file: '0', link: '2', directory: '5' } as const

/**
 * A tar archive in the ustar format (POSIX.1-1988, as tar(5) has it); everything belongs to root, and dates from `seconds`
 * since 1970.
 */
export function tar(entries: readonly TarEntry[], seconds = 0): Buffer {
  const blocks: Buffer[] = []
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0)
    blocks.push(
      header(entry, content.length, seconds),
      content,
      Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
    )
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function header(entry: TarEntry, size: number, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const [prefix, name] = splitPath(entry.type === 'directory' ? `${entry.path}/` : entry.path)
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`
  const put = (offset: number, text: string) => block.write(text, offset, 'utf8')
  put(0, name)
  put(100, octal(entry.mode, 8))
  put(108, octal(0, 8))
  put(116, octal(0, 8))
  put(124, octal(size, 12))
  put(136, octal(seconds, 12))
  put(148, ' '.repeat(8))
  put(156, TYPE_FLAGS[entry.type])
  put(157, entry.target ?? '')
  put(257, 'ustar\x0000')
  put(345, prefix)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return block
}

/** A name has 100 bytes, and what is longer 155 more before one of its slashes. */
function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path]
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    if (name !== '' && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100)
      return [prefix, name]
  }
  throw new Error(`${path} is too long for a ustar archive`)
}
