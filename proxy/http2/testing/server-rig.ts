import { ManualClock } from '../../../core/clock.ts'
import type { ServerConnection } from '../../http/stream.ts'
import type { Http2Options } from '../options.ts'
import { serveHttp2 } from '../server.ts'
import { MemoryWire } from './memory-wire.ts'
import { RawPeer } from './raw-peer.ts'
import { RecordingHandler } from './recorder.ts'

/** A server connection and a peer that writes its frames by hand. */
export interface Rig {
  wire: MemoryWire
  peer: RawPeer
  handler: RecordingHandler
  server: ServerConnection
  clock: ManualClock
  /** Lets all bytes pass and gives the frames that came. */
  run: () => string[]
}

/** After the prefaces. Pings and limits go by `clock`. */
export function rig(options: Http2Options = {}): Rig {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  const clock = new ManualClock(1_000_000)
  const server = serveHttp2(wire.right, handler, { clock, ...options })
  const peer = new RawPeer(wire.left)
  peer.preface()
  const run = (): string[] => {
    wire.run()
    return peer.take()
  }
  run()
  return { wire, peer, handler, server, clock, run }
}

export const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a.test']
export const POST = [':method', 'POST', ':scheme', 'http', ':path', '/', ':authority', 'a.test']
