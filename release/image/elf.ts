// What ldd says of a program, for programs of another processor: it runs them, this reads them. "ELF-64 Object File Format",
// and the tags of the System V ABI, chapter 5 ("Dynamic Section").

const MAGIC = 0x7f454c46
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT_NEEDED = 1
const DT_STRTAB = 5
const DT_RPATH = 15
const DT_RUNPATH = 29

/** What a linked program or library asks for. */
export interface LinkedFile {
  /** Names of libraries, such as `libc.so.6`. */
  readonly needed: readonly string[]
  /** Folders to look for them in first, with `$ORIGIN` as it stands. */
  readonly searched: readonly string[]
}

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

/** Reads a 64-bit little-endian ELF file; undefined for anything else, and for what is not linked dynamically. */
export function readElf(file: Buffer): LinkedFile | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== MAGIC) return undefined
  if (file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN) return undefined
  const segments = segmentsOf(file)
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC)
  if (!dynamic) return undefined
  const entries: (readonly [tag: number, value: number])[] = []
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16)
    entries.push([number(file, at), number(file, at + 8)])
  const address = entries.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0
  const holder = segments.find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.size,
  )
  const strings = holder ? address - holder.address + holder.offset : 0
  const named = (...tags: readonly number[]) =>
    entries.filter(([tag]) => tags.includes(tag)).map(([, value]) => text(file, strings + value))
  return {
    needed: named(DT_NEEDED),
    searched: named(DT_RPATH, DT_RUNPATH).flatMap((path) => path.split(':')),
  }
}

function segmentsOf(file: Buffer): Segment[] {
  const [table, size, count] = [number(file, 0x20), file.readUInt16LE(0x36), file.readUInt16LE(0x38)]
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size
    return {
      type: file.readUInt32LE(at),
      offset: number(file, at + 8),
      address: number(file, at + 16),
      size: number(file, at + 32),
    }
  })
}

function number(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at))
}

function text(file: Buffer, at: number): string {
  return file.toString('latin1', at, file.indexOf(0, at))
}
