import type { RequestHead } from '../../../proxy/http/message.ts'
import { connectHttp1 } from '../../../proxy/http1/client.ts'
import { serveHttp1 } from '../../../proxy/http1/server.ts'
import { StillDeadlines } from '../view/still-clock.ts'
import { ResponseView, weftClientView } from '../view/weft-client.ts'
import { weftServerView } from '../view/weft-server.ts'
import { Wire } from '../view/wire.ts'
import { countedBuffer } from './counted-buffer.ts'
import { numbers } from './splits.ts'

// So that some of the noise comes behind a good start.
const REQUEST_STARTS = [
  '',
  'GET / HTTP/1.1\r\nHost: a\r\n',
  'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
]
const RESPONSE_STARTS = ['', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n']

/**
 * Noise in both codecs, in pieces that `seed` decides: nothing is thrown, every chunk is taken in a bounded
 * number of steps, and a closed connection waits for no time any more. Returns what was wrong.
 */
export function checkRandomBytes(noise: Buffer, seed: number): string[] {
  const differences: string[] = []
  const next = numbers(seed)
  const start = (starts: readonly string[]) =>
    Buffer.concat([Buffer.from(starts[next() % starts.length] as string, 'latin1'), noise])
  const toServer = start(REQUEST_STARTS)
  const toClient = start(RESPONSE_STARTS)
  const cuts = (length: number) => [next() % length, next() % length, next() % length].sort((a, b) => a - b)
  const deadlines = new StillDeadlines()
  const method = next() % 4 === 0 ? 'HEAD' : 'GET'
  weftServerView(toServer, { cuts: cuts(toServer.length), fin: next() % 2 === 0, deadlines })
  weftServerView(toServer, { bytewise: true, late: true, deadlines })
  weftClientView(toClient, method, { cuts: cuts(toClient.length), deadlines })
  countServer(toServer, deadlines)
  countClient(toClient, method, deadlines)
  if (deadlines.open !== 0) differences.push(`${deadlines.open} closed connections still wait for their time`)
  return differences
}

function countServer(bytes: Buffer, deadlines: StillDeadlines): void {
  const wire = new Wire()
  const reader = { onData() {}, onEnd() {}, onReset() {}, onWritable() {} }
  serveHttp1(
    wire,
    {
      onRequest(stream) {
        stream.head({ status: 200, fields: [] }, true)
        return reader
      },
      onRefused() {},
      onClose() {},
    },
    { deadlines },
  )
  wire.reader.onData(countedBuffer(bytes))
  wire.close()
}

function countClient(bytes: Buffer, method: string, deadlines: StillDeadlines): void {
  const wire = new Wire()
  const connection = connectHttp1(wire, { onChange() {} }, { deadlines })
  const head: RequestHead = { method, scheme: 'http', authority: 'a', path: '/', fields: [], upgrade: '' }
  connection.open(head, true, new ResponseView())
  wire.handed++
  wire.reader.onData(countedBuffer(bytes))
  wire.close()
}
