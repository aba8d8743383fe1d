import type { Fields, RequestHead } from '../../../proxy/http/message.ts'
import type {
  BodyReader,
  ClientStreamReader,
  ServerHandler,
  ServerStream,
} from '../../../proxy/http/stream.ts'
import { connectHttp1 } from '../../../proxy/http1/client.ts'
import { serveHttp1 } from '../../../proxy/http1/server.ts'
import { StillDeadlines } from './still-clock.ts'
import type { ResponseView } from './weft-client.ts'
import type { AcceptedRequest } from './weft-server.ts'
import { Wire } from './wire.ts'

const SILENT: ClientStreamReader & BodyReader = {
  onInformational() {},
  onHead() {},
  onData() {},
  onEnd() {},
  onReset() {},
  onWritable() {},
}

/** The bytes by which Weft's client codec sends an accepted request on; empty where it will not. */
export function forwardedRequest({ head, headOnly, body, trailers }: AcceptedRequest): Buffer {
  const wire = new Wire()
  const connection = connectHttp1(wire, { onChange() {} }, { deadlines: new StillDeadlines() })
  const copy: RequestHead = { ...head, fields: [...head.fields] }
  const stream = connection.open(copy, headOnly, SILENT)
  if (!headOnly && head.upgrade === '' && head.method !== 'CONNECT') {
    writeBody(body, (chunk) => void stream.data(chunk))
    stream.end(trailers)
  }
  const bytes = wire.output
  wire.close()
  return bytes
}

/** The bytes by which Weft's server codec answers a request of `method` with what the client codec heard. */
export function forwardedResponse(method: string, view: ResponseView): Buffer {
  const wire = new Wire()
  const handler: ServerHandler = {
    onRequest(stream) {
      answer(stream, view)
      return SILENT
    },
    onRefused() {},
    onClose() {},
  }
  serveHttp1(wire, handler, { deadlines: new StillDeadlines() })
  wire.feed(Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`))
  const bytes = wire.output
  wire.close()
  return bytes
}

function answer(stream: ServerStream, { interims, head, headOnly, body, trailers }: ResponseView): void {
  const copy = (fields: Fields) => [...fields]
  for (const { status, fields } of interims) stream.informational({ status, fields: copy(fields) })
  if (head === undefined) return
  stream.head({ status: head.status, fields: copy(head.fields) }, headOnly)
  if (headOnly) return
  writeBody(body, (chunk) => void stream.data(chunk))
  stream.end(trailers)
}

/** In two pieces, so that a chunked body has two chunks. */
function writeBody(body: string, write: (chunk: Buffer) => void): void {
  const bytes = Buffer.from(body, 'latin1')
  const half = bytes.length >> 1
  if (half > 0) write(bytes.subarray(0, half))
  if (bytes.length > half) write(bytes.subarray(half))
}
