import { FIXED32, FIXED64, LENGTH, VARINT, type Reader, type Writer } from './wire.ts'

/** How one kind of value stands on the wire, without its tag. */
export interface ValueCodec {
  readonly wire: number
  read(reader: Reader): unknown
  write(writer: Writer, value: unknown): void
  /** Proto3 leaves these off the wire where the field has no presence. */
  isDefault(value: unknown): boolean
}

function codec<T>(
  wire: number,
  empty: T,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): ValueCodec {
  // -0 is a value of its own for floating point numbers: Object.is tells it from 0.
  return { wire, read, write: write as ValueCodec['write'], isDefault: (value) => Object.is(value, empty) }
}

const zigzag32 = (value: number) => ((value << 1) ^ (value >> 31)) >>> 0
const zigzag64 = (value: bigint) => BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))

/** Protobuf scalars by their names in .proto files. 64-bit integers are bigint. */
export const SCALARS = {
  double: codec(
    FIXED64,
    0,
    (r) => r.double(),
    (w, v) => w.double(v),
  ),
  float: codec(
    FIXED32,
    0,
    (r) => r.float(),
    (w, v) => w.float(v),
  ),
  // A negative int32 is sign-extended to 64 bits.
  int32: codec(
    VARINT,
    0,
    (r) => r.uint32() | 0,
    (w, v) => (v < 0 ? w.uint64(BigInt(v)) : w.uint32(v)),
  ),
  uint32: codec(
    VARINT,
    0,
    (r) => r.uint32(),
    (w, v) => w.uint32(v),
  ),
  sint32: codec(
    VARINT,
    0,
    (r) => {
      const raw = r.uint32()
      return (raw >>> 1) ^ -(raw & 1)
    },
    (w, v) => w.uint32(zigzag32(v)),
  ),
  int64: codec(
    VARINT,
    0n,
    (r) => BigInt.asIntN(64, r.uint64()),
    (w, v) => w.uint64(v),
  ),
  uint64: codec(
    VARINT,
    0n,
    (r) => r.uint64(),
    (w, v) => w.uint64(v),
  ),
  sint64: codec(
    VARINT,
    0n,
    (r) => {
      const raw = r.uint64()
      return BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n))
    },
    (w, v) => w.uint64(zigzag64(v)),
  ),
  fixed32: codec(
    FIXED32,
    0,
    (r) => r.fixed32(),
    (w, v) => w.fixed32(v),
  ),
  sfixed32: codec(
    FIXED32,
    0,
    (r) => r.fixed32() | 0,
    (w, v) => w.fixed32(v >>> 0),
  ),
  fixed64: codec(
    FIXED64,
    0n,
    (r) => r.fixed64(),
    (w, v) => w.fixed64(v),
  ),
  sfixed64: codec(
    FIXED64,
    0n,
    (r) => BigInt.asIntN(64, r.fixed64()),
    (w, v) => w.fixed64(v),
  ),
  bool: codec(
    VARINT,
    false,
    (r) => r.uint64() !== 0n,
    (w, v) => w.uint32(v ? 1 : 0),
  ),
  string: codec(
    LENGTH,
    '',
    (r) => r.string(),
    (w, v) => w.string(v),
  ),
  bytes: {
    wire: LENGTH,
    read: (r) => r.bytes(),
    write: (w, v) => w.bytes(v as Uint8Array),
    isDefault: (v) => (v as Uint8Array).length === 0,
  },
} satisfies Record<string, ValueCodec>

export type ScalarName = keyof typeof SCALARS
