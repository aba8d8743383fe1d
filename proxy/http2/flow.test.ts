import fc from 'fast-check'
import t from 'tap'
import type { RequestHead } from '../http/message.ts'
import { connectHttp2 } from './client.ts'
import * as frame from './frame.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { serveHttp2 } from './server.ts'
import { INITIAL_WINDOW_SIZE } from './settings.ts'
import { MemoryWire } from './testing/memory-wire.ts'
import { RawPeer } from './testing/raw-peer.ts'
import { Recorder, RecordingHandler } from './testing/recorder.ts'

const POST: RequestHead = {
  method: 'POST',
  scheme: 'http',
  authority: 'a',
  path: '/',
  fields: [],
  upgrade: '',
}
const RAW = [':method', 'POST', ':scheme', 'http', ':path', '/', ':authority', 'a']

/** Counts a side's DATA against the windows that the other side gave. */
class WindowAudit implements FrameSink {
  readonly stopped = false
  readonly #windows = new Map<number, number>([[0, 65_535]])
  #initial = 65_535
  peer: WindowAudit | undefined
  data = 0

  onDataFrame(id: number, _flags: number, length: number): void {
    this.data += length
    for (const key of [0, id]) {
      const left = (this.#windows.get(key) ?? this.#initial) - length
      if (length > 0 && left < 0) throw new Error(`window of ${key} exceeded by ${-left}`)
      this.#windows.set(key, left)
    }
  }

  onDataBytes(): void {}
  onDataEnd(): void {}

  onFrame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const peer = this.peer as WindowAudit
    if (type === frame.WINDOW_UPDATE)
      peer.#windows.set(id, (peer.#windows.get(id) ?? peer.#initial) + frame.readUint32(bytes, from))
    if (type !== frame.SETTINGS || (flags & 1) === 1) return
    for (let at = from; at < to; at += 6) {
      if (bytes[at + 1] !== INITIAL_WINDOW_SIZE) continue
      const value = frame.readUint32(bytes, at + 2)
      for (const [key, left] of peer.#windows)
        if (key > 0) peer.#windows.set(key, left + value - peer.#initial)
      peer.#initial = value
    }
  }

  onFrameTooLong(): void {
    throw new Error('frame too long')
  }

  onBadPadding(): void {
    throw new Error('padding')
  }
}

t.test('whatever is sent, paused and split: windows hold and every byte arrives in order', async () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          chunks: fc.array(fc.integer({ min: 1, max: 90_000 }), { maxLength: 12 }),
          trailers: fc.boolean(),
        }),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 16 }),
      (uploads, splits, pauses) => {
        let turn = 0
        const wire = new MemoryWire(() => splits[turn++ % splits.length] as number)
        const audits = { left: new WindowAudit(), right: new WindowAudit() }
        audits.left.peer = audits.right
        audits.right.peer = audits.left
        const readers = { left: new FrameReader(audits.left), right: new FrameReader(audits.right) }
        let skip = frame.PREFACE.length
        wire.tap = (side, piece) => {
          const from = side === 'left' ? Math.min(skip, piece.length) : 0
          if (side === 'left') skip -= from
          readers[side].push(Buffer.from(piece), from)
        }
        // The server echoes, and stops and starts reading as it is told.
        const handler = new RecordingHandler()
        const stalled: (() => void)[] = []
        handler.onRequestDo = (request) => {
          const { stream } = request
          stream.head({ status: 200, fields: [] }, false)
          request.onDataDo = (chunk) => {
            const room = stream.data(chunk)
            if (room && !pauses[turn % pauses.length]) return
            stream.pause()
            if (room) stalled.push(() => stream.resume())
          }
          request.onWritableDo = () => stream.resume()
          request.onEndDo = (trailers) => stream.end(trailers)
        }
        serveHttp2(wire.right, handler, {
          connectionWindowBytes: 200_000,
          streamWindowBytes: 300_000,
          heldBytes: 50_000,
        })
        const client = connectHttp2(
          wire.left,
          { onChange() {} },
          { connectionWindowBytes: 70_000, streamWindowBytes: 100_000 },
        )
        let value = 0
        const sums = uploads.map(({ chunks, trailers }) => {
          const reader = new Recorder()
          const sent: Buffer[] = []
          const got: Buffer[] = []
          reader.onDataDo = (chunk) => void got.push(Buffer.from(chunk))
          const stream = client.open(POST, false, reader)
          let next = 0
          const push = (): void => {
            while (next < chunks.length) {
              const chunk = Buffer.alloc(chunks[next++] as number, value++)
              sent.push(Buffer.from(chunk))
              const room = stream.data(chunk)
              chunk.fill(0xee)
              if (!room) return
            }
            stream.end(trailers ? ['t', '1'] : undefined)
          }
          reader.onWritableDo = push
          push()
          return { reader, sent, got, trailers }
        })
        wire.run()
        while (stalled.length > 0) {
          stalled.shift()?.()
          wire.run()
        }
        for (const { reader, sent, got, trailers } of sums) {
          if (reader.reset) throw new Error(`reset: ${reader.detail}`)
          if (!reader.ended) throw new Error('not ended')
          if ((reader.trailers !== undefined) !== trailers) throw new Error('trailers')
          if (!Buffer.concat(sent).equals(Buffer.concat(got))) throw new Error('bytes differ')
        }
        if (client.active !== 0) throw new Error('streams left')
      },
    ),
    { numRuns: 120 },
  )
})

t.test('random bytes never crash or hang a server or a client', async () => {
  const frames = fc.record({
    type: fc.integer({ min: 0, max: 11 }),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 0x0d, 0x25, 0xff),
    id: fc.constantFrom(0, 1, 2, 3, 5, 7),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(Uint8Array.of(0, 0, 0, 8)),
      fc.constant(Uint8Array.of(0x82, 0x86, 0x84)),
    ),
  })
  fc.assert(
    fc.property(
      fc.array(frames, { maxLength: 40 }),
      fc.uint8Array({ maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (list, noise, split) => {
        for (const side of ['server', 'client']) {
          const wire = new MemoryWire(() => split)
          const peer = new RawPeer(wire.left)
          if (side === 'server') {
            const handler = new RecordingHandler()
            handler.onRequestDo = ({ stream }) => stream.head({ status: 200, fields: [] }, false)
            serveHttp2(wire.right, handler)
            peer.preface()
          } else {
            const client = connectHttp2(wire.right, { onChange() {} })
            for (let i = 0; i < 3; i++) client.open(POST, false, new Recorder()).data(Buffer.alloc(10))
            wire.right.take()
            peer.frame(frame.SETTINGS, 0, 0)
          }
          // The peer reads nothing.
          wire.left.reader = { onData() {}, onEnd() {}, onWritable() {}, onClose() {} }
          for (const { type, flags, id, payload } of list) peer.frame(type, flags, id, payload)
          wire.left.write(noise)
          wire.run()
          wire.left.destroy()
          wire.run()
        }
      },
    ),
    { numRuns: 1500 },
  )
})

t.test('a window that SETTINGS make negative', async (t) => {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler)
  const peer = new RawPeer(wire.left)
  peer.preface([INITIAL_WINDOW_SIZE, 1000])
  peer.headers(1, RAW)
  wire.run()
  const { stream } = handler.last
  stream.head({ status: 200, fields: [] }, false)
  t.equal(stream.data(Buffer.alloc(1500)), false)
  peer.frame(frame.SETTINGS, 0, 0, Buffer.from([0, INITIAL_WINDOW_SIZE, 0, 0, 0, 100]))
  wire.run()
  t.strictSame(peer.take(), ['HEADERS@1 :status=200', 'DATA@1 1000'])
  peer.number(frame.WINDOW_UPDATE, 1, 900)
  wire.run()
  t.strictSame(peer.take(), [], 'still at 0')
  peer.number(frame.WINDOW_UPDATE, 1, 400)
  wire.run()
  t.strictSame(peer.take(), ['DATA@1 400'])
  peer.frame(frame.SETTINGS, 0, 0, Buffer.from([0, INITIAL_WINDOW_SIZE, 0, 0, 0x03, 0xe8]))
  stream.end(undefined)
  wire.run()
  t.strictSame(peer.take(), ['DATA@1 100 end'])
})

t.test('streams share the connection window in turns', async (t) => {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler)
  const peer = new RawPeer(wire.left)
  peer.preface([INITIAL_WINDOW_SIZE, 1_000_000])
  for (const id of [1, 3, 5]) peer.headers(id, RAW)
  wire.run()
  for (const { stream } of handler.requests) {
    stream.head({ status: 200, fields: [] }, false)
    stream.data(Buffer.alloc(100_000))
  }
  wire.run()
  peer.take()
  peer.number(frame.WINDOW_UPDATE, 0, 16_384 * 4)
  wire.run()
  t.strictSame(peer.take(), ['DATA@1 16384', 'DATA@3 16384', 'DATA@5 16384', 'DATA@1 16384'])
  handler.requests[1]?.stream.reset('cancel')
  peer.number(frame.WINDOW_UPDATE, 0, 16_384 * 2)
  wire.run()
  t.strictSame(peer.take(), ['RST_STREAM@3 8', 'DATA@5 16384', 'DATA@1 1697', 'DATA@5 14687'])
})

t.test('a reader that pauses holds its own stream back, and no other', async (t) => {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler, { heldBytes: 100_000 })
  const client = connectHttp2(wire.left, { onChange() {} })
  wire.run()
  const slow = client.open(POST, false, new Recorder())
  wire.run()
  const stalled = handler.last
  stalled.stream.pause()
  let pushed = 0
  while (pushed < 10_000_000 && slow.data(Buffer.alloc(50_000))) {
    pushed += 50_000
    wire.run()
  }
  t.equal(stalled.bytes, 0)
  t.ok(pushed < 400_000, `${pushed} bytes in flight for a stream that nobody reads`)
  const other = client.open(POST, false, new Recorder())
  wire.run()
  for (let i = 0; i < 400; i++) {
    if (!other.data(Buffer.alloc(50_000))) t.fail(`held back at ${i}`)
    wire.run()
  }
  t.equal(handler.last.bytes, 20_000_000)
  slow.end(['t', '1'])
  stalled.stream.resume()
  wire.run()
  t.equal(stalled.bytes, pushed + 50_000)
  t.strictSame(stalled.events, ['end'])
})

t.test('a congested transport holds writers back until it has room', async (t) => {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler)
  const peer = new RawPeer(wire.left)
  peer.preface([INITIAL_WINDOW_SIZE, 1_000_000])
  peer.headers(1, RAW)
  wire.run()
  const { stream } = handler.last
  stream.head({ status: 200, fields: [] }, false)
  wire.right.congested = true
  t.equal(stream.data(Buffer.alloc(10)), false)
  t.equal(stream.data(Buffer.alloc(10)), false)
  t.equal(handler.last.writable, 0)
  wire.right.congested = false
  wire.right.reader.onWritable()
  t.equal(handler.last.writable, 1, 'once')
  t.equal(stream.data(Buffer.alloc(10)), true)
})

t.test('a window that comes while the transport is congested is used once it has room', async (t) => {
  const wire = new MemoryWire()
  const handler = new RecordingHandler()
  serveHttp2(wire.right, handler)
  const peer = new RawPeer(wire.left)
  peer.preface([INITIAL_WINDOW_SIZE, 10])
  peer.headers(1, RAW)
  wire.run()
  const { stream } = handler.last
  stream.head({ status: 200, fields: [] }, false)
  stream.data(Buffer.alloc(30))
  wire.right.congested = true
  peer.number(frame.WINDOW_UPDATE, 1, 20)
  wire.run()
  t.strictSame(peer.take(), ['HEADERS@1 :status=200', 'DATA@1 10'])
  wire.right.congested = false
  wire.right.reader.onWritable()
  wire.run()
  t.strictSame(peer.take(), ['DATA@1 20'])
})
