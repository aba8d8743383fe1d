import { createRequire } from 'node:module'

/** What the kernel knows of the other end of a connection (struct tcp_info of linux/tcp.h). */
export interface TcpState {
  /** Segments that were sent and not acknowledged. */
  readonly unacknowledged: number
  /** Times in a row that the oldest of them was sent again. */
  readonly retransmits: number
  /** Probes of a closed window in a row that nothing answered. */
  readonly probes: number
  /** Since the last acknowledgement, of anything. Milliseconds. */
  readonly silentMs: number
}

/** Undefined where the kernel does not say. */
export type ReadTcpState = (fd: number) => TcpState | undefined

const SOL_TCP = 6
const TCP_ESTABLISHED = 1
const TCP_INFO = 11
const INFO_BYTES = 104

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: Int32Array) => number

let getsockopt: GetSockOpt | null | undefined
const value = Buffer.alloc(INFO_BYTES)
const length = new Int32Array(1)

/**
 * getsockopt(TCP_INFO) through koffi, 1.3 us a call. TCP_USER_TIMEOUT would need no look, but it also ends connections
 * whose peer is there and only takes nothing for that long (a closed window), as a paused download does.
 */
export const readTcpState: ReadTcpState = (fd) => {
  if (!readInfo(fd)) return undefined
  return {
    unacknowledged: value.readUInt32LE(24),
    retransmits: value[2] as number,
    probes: value[3] as number,
    silentMs: value.readUInt32LE(56),
  }
}

/** A FIN or RST of the other end is here, though nobody has read as far as that yet. False where the kernel does not say. */
export function endedByPeer(fd: number): boolean {
  return readInfo(fd) && value[0] !== TCP_ESTABLISHED
}

/** True: `value` holds it. */
function readInfo(fd: number): boolean {
  getsockopt ??= load()
  if (!getsockopt || fd < 0) return false
  length[0] = INFO_BYTES
  return getsockopt(fd, SOL_TCP, TCP_INFO, value, length) === 0 && (length[0] ?? 0) >= 60
}

// Other systems number these otherwise.
function load(): GetSockOpt | null {
  if (process.platform !== 'linux') return null
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    return koffi
      .load(null)
      .func(
        'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ int32_t *length)',
      ) as GetSockOpt
  } catch {
    return null
  }
}
