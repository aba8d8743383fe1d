import type { Socket } from 'node:net'
import koffi from 'koffi'

const getsockopt = koffi.load(null).func('int getsockopt(int, int, int, void *, _Inout_ uint32_t *)')

/** Where the caller meant to go (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST): `ip:port`, or why it can't be said. */
export function originalDestination(socket: Socket & { _handle?: { fd: number } }): string {
  const address = Buffer.alloc(28)
  const level = socket.remoteFamily === 'IPv6' ? 41 : 0
  if (getsockopt(socket._handle?.fd ?? -1, level, 80, address, [address.length]) !== 0) return 'none'
  const port = address.readUInt16BE(2)
  if (level === 0) return `${[...address.subarray(4, 8)].join('.')}:${port}`
  const groups = Array.from({ length: 8 }, (_, at) => address.readUInt16BE(8 + 2 * at).toString(16))
  return `${new URL(`http://[${groups.join(':')}]`).hostname}:${port}`
}
