import t from 'tap'
import { PEER_FRAME } from '../../core/contract.ts'
import { ManualClock } from '../../core/clock.ts'
import { writeFrameHeader, PREFACE, SETTINGS } from './frame.ts'
import { connectHttp2 } from './client.ts'
import { serveHttp2 } from './server.ts'
import type { Transport } from '../transport/transport.ts'

/** A transport that keeps what is written. */
function kept(): { transport: Transport; written(): Buffer } {
  const parts: Buffer[] = []
  let buffer = Buffer.alloc(0)
  const transport = {
    reader: undefined,
    congested: false,
    write: (bytes: Uint8Array) => void parts.push(Buffer.from(bytes)),
    reserve: (size: number) => ({ buffer: (buffer = Buffer.alloc(size)), at: 0 }),
    commit: (size: number) => void parts.push(buffer.subarray(0, size)),
    end() {},
    destroy() {},
  }
  return { transport: transport as unknown as Transport, written: () => Buffer.concat(parts) }
}

function frame(type: number, payload: string, streamId = 0): Buffer {
  const head = Buffer.alloc(9)
  writeFrameHeader(head, 0, payload.length, type, 0, streamId)
  return Buffer.concat([head, Buffer.from(payload, 'latin1')])
}

/** What a server is told by these frames behind a client's preface and SETTINGS. */
function told(...frames: readonly Buffer[]): string[] {
  const said: string[] = []
  const { transport } = kept()
  const handler = { onRequest: () => ({}) as never, onRefused() {}, onClose() {} }
  serveHttp2(transport, handler, { clock: new ManualClock(), onPeer: (peer) => said.push(peer) })
  transport.reader?.onData(Buffer.concat([PREFACE, frame(SETTINGS, ''), ...frames]))
  return said
}

t.test('a client of a link says once, behind its SETTINGS, what its workload is called', async (t) => {
  const handler = { onChange() {}, onSilent() {} }
  const said = (peer: string): boolean => {
    const { transport, written } = kept()
    connectHttp2(transport, handler, { clock: new ManualClock(), peer })
    return written().includes(frame(PEER_FRAME, 'web,1.2'))
  }
  t.equal(said('web,1.2'), true)
  t.equal(said(''), false, 'and nobody else does')
})

t.test('a server takes the first that can be read, and nothing else of it', async (t) => {
  t.same(told(frame(PEER_FRAME, 'web,1.2'), frame(PEER_FRAME, 'other,')), ['web,1.2'])
  t.same(told(frame(PEER_FRAME, 'web,', 1)), [], 'of no stream')
  for (const wrong of ['', ',', 'web', 'a b,', 'web,1,2', '%,', `${'w'.repeat(600)},`])
    t.same(told(frame(PEER_FRAME, wrong)), [], wrong.slice(0, 20))
})
