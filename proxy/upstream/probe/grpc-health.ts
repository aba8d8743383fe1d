// grpc.health.v1 (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): two messages of one field each, too
// small for a codec of their own.

export const HEALTH_CHECK_PATH = '/grpc.health.v1.Health/Check'

const SERVING = 1
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const
/** Flags and length. */
const PREFIX_BYTES = 5

/** HealthCheckRequest as one message of a stream. */
export function healthCheckRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name])
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** What a HealthCheckResponse says, from all bytes of the stream. */
export function healthCheckAnswer(bytes: Buffer): { readonly serving: boolean; readonly text: string } {
  const { length } = bytes
  if (length < PREFIX_BYTES || bytes[0] !== 0 || length !== PREFIX_BYTES + bytes.readUInt32BE(1))
    return { serving: false, text: 'no message of grpc.health.v1' }
  // Field 1, an enum; without it, it is 0.
  const status =
    length === PREFIX_BYTES ? 0 : bytes[PREFIX_BYTES] === 0x08 ? (bytes[PREFIX_BYTES + 1] ?? 0) : 0
  return { serving: status === SERVING, text: STATUSES[status] ?? `status ${status}` }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
