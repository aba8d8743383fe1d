import { connect, createServer } from 'node:net'
import * as tls from 'node:tls'
import fc from 'fast-check'
import t from 'tap'
import { ClientHelloReader, type ClientHello } from './client-hello.ts'
import { detect, Detection } from './detect.ts'

// haproxy, proxy-protocol.txt section 2.2.
const PROXY_V2 = '\r\n\r\n\0\r\nQUIT\n'

function parseClientHello(bytes: Buffer): ClientHello | 'more' | 'invalid' {
  return new ClientHelloReader().feed(bytes)
}

/** What is said of bytes that come in parts of so many. */
function inParts(bytes: Buffer, size: number): string {
  const detection = new Detection()
  let kind = 'more'
  for (let at = 0; at < bytes.length && (kind === 'more' || detection.open); at += size)
    kind = detection.feed(bytes.subarray(at, at + size)).kind
  return kind
}

/** A ClientHello, or any handshake message, in records of so many bytes. */
function inRecords(body: Buffer, size: number): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size)
    const header = Buffer.from([22, 3, 1, 0, 0])
    header.writeUInt16BE(part.length, 3)
    records.push(header, part)
  }
  return Buffer.concat(records)
}

/** A real ClientHello, as this Node sends it (with post-quantum key shares: more than one packet). */
async function clientHello(serverName: string, alpn: string[]): Promise<Buffer> {
  const chunks: Buffer[] = []
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no address')
  return new Promise((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        const whole = Buffer.concat(chunks)
        if (parseClientHello(whole) === 'more') return
        socket.destroy()
        server.close()
        resolve(whole)
      })
    })
    const socket = connect(address.port, '127.0.0.1')
    const client = tls.connect({ socket, servername: serverName, ALPNProtocols: alpn })
    client.on('error', () => {})
  })
}

t.test('a ClientHello tells server name and ALPN, at every split and over several records', async (t) => {
  const hello = await clientHello('catalog.shop', ['weft-h2', 'http/1.1'])
  const expected = { serverName: 'catalog.shop', alpn: ['weft-h2', 'http/1.1'] }
  t.same(parseClientHello(hello), expected)
  for (let cut = 1; cut < hello.length; cut++)
    if (detect(hello.subarray(0, cut)).kind !== 'more') t.fail(`decided too early, after ${cut} bytes`)

  const body = hello.subarray(5)
  t.same(parseClientHello(inRecords(body, 100)), expected, 'fragmented into records of 100 bytes')
  for (const size of [1, 2, 3, 7, 1000])
    t.equal(inParts(inRecords(body, 100), size), 'tls', `in parts of ${size}`)
})

t.test(
  'a ClientHello that costs too much is none: by its bytes, by its records, by what it announces',
  async (t) => {
    const hello = (length: number): Buffer => {
      const message = Buffer.alloc(4 + length)
      message[0] = 1
      message.writeUIntBE(length, 1, 3)
      return message
    }
    t.equal(detect(inRecords(hello(64_000), 1)).kind, 'opaque', 'one byte a record')
    t.equal(detect(inRecords(hello(61), 1)).kind, 'opaque', 'a small one, in 65 records')
    t.equal(detect(inRecords(hello(60), 1)).kind, 'tls', 'in 64')
    t.equal(
      detect(inRecords(hello(16_385), 16_000).subarray(0, 9)).kind,
      'opaque',
      'above 16 KiB, once that is said',
    )
    t.equal(detect(inRecords(hello(16_380), 16_000).subarray(0, 16_383)).kind, 'more')
    t.equal(detect(inRecords(hello(16_380), 16_000)).kind, 'opaque', 'record headers count')
    // Each byte is looked at once: what is fed is never longer than what came.
    const reader = new ClientHelloReader()
    let fed = 0
    for (const byte of inRecords(hello(16_000), 1)) {
      fed++
      if (reader.feed(Buffer.from([byte])) !== 'more') break
    }
    t.equal(fed, 64 * 6 + 5)
  },
)

t.test(
  'an honest ClientHello may be large: key shares of two kinds, GREASE, in several records',
  async (t) => {
    const sized = (bytes: Buffer, width: 1 | 2 | 3): Buffer => {
      const length = Buffer.alloc(width)
      length.writeUIntBE(bytes.length, 0, width)
      return Buffer.concat([length, bytes])
    }
    const extension = (type: number, body: Buffer): Buffer =>
      Buffer.concat([Buffer.from([type >> 8, type & 0xff]), sized(body, 2)])
    for (const share of [1216, 4096, 8192, 15_000]) {
      const extensions = [
        extension(0x0a0a, Buffer.alloc(0)),
        // Bytes that are a path, lines and a version to whoever takes them for text.
        extension(51, Buffer.from(' / HTTP/1.1\r '.repeat(share).slice(0, share))),
        extension(0, sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from('catalog.shop'), 2)]), 2)),
        extension(0x1a1a, Buffer.alloc(1)),
      ]
      const body = Buffer.concat([
        Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 0x20), sized(Buffer.alloc(32, 0x2f), 1)]),
        Buffer.concat([sized(Buffer.from([0x0a, 0x0a, 0x13, 1]), 2), Buffer.from([1, 0])]),
        sized(Buffer.concat(extensions), 2),
      ])
      const message = Buffer.concat([Buffer.from([1]), sized(body, 3)])
      for (const size of [512, 1400, 16_384]) {
        const records = inRecords(message, size)
        t.match(
          detect(records),
          { kind: 'tls', hello: { serverName: 'catalog.shop' } },
          `${share} in ${size}`,
        )
        t.equal(inParts(records, 700), 'tls')
      }
    }
  },
)

t.test('protocols by their first bytes', async (t) => {
  const table: [bytes: string, kind: string][] = [
    ['GET / HTTP/1.1\r\n', 'http1'],
    ['M-SEARCH * HTTP/1.1\r\n', 'http1'],
    ['GET / HTTP/1.1\n', 'http1'],
    // RFC 9112 section 2.2: empty lines before a request are passed over.
    ['\r\nGET / HTTP/1.1\r\n', 'http1'],
    ['\n\n\r\n\nGET / HTTP/1.1\r\n', 'http1'],
    ['\r\n'.repeat(20_000), 'http1'],
    ['\r\n', 'more'],
    ['\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http1'],
    ['\r\n\x00\x01', 'opaque'],
    // What lenient servers take for a request: any token for a method, any blank, any version, a bare CR.
    [' GET / HTTP/1.1\r\n', 'http1'],
    ['\tGET\t/\tHTTP/1.1\r\n', 'http1'],
    ['GET\x0b/\x0cHTTP/1.1\r\n', 'http1'],
    ['GET\xa0/\x1fHTTP/1.1\n', 'http1'],
    ['GET  /  HTTP/1.1 \t\r\n', 'http1'],
    ['GET / HTTP/1.1\r', 'http1'],
    ['GET\r/\rHTTP/1.1\n', 'http1'],
    ['GET /\x01 HTTP/1.1\r\n', 'http1'],
    ['GET / http/1.0\r\n', 'http1'],
    ['GET / HTTP/3.0\r\n', 'http1'],
    ["!#$%&'*+-.^_`|~ / HTTP/1.1\r\n", 'http1'],
    [`${'M'.repeat(300)} / HTTP/1.1\r\n`, 'http1'],
    [`GET /${'a'.repeat(17_000)}`, 'http1'],
    ['GET /old\r\n', 'http1'],
    // Python's server reads the fields behind such a one, too.
    ['GET old\r\n', 'http1'],
    // Node's parser takes these, Python's those: any version, and whatever it likes for a method.
    ['OPTIONS rtsp://a/b RTSP/1.0\r\n', 'http1'],
    ['SOURCE / ICE/1.1\r\n', 'http1'],
    ['GET / HTTP/0001.01\r\n', 'http1'],
    ['\x1cGET / HTTP/1.1\r\n', 'http1'],
    ['\x85\xa0GET / HTTP/1.1\r\n', 'http1'],
    ['\x00GET / HTTP/1.1\r\n', 'http1'],
    ['{} / HTTP/1.1\n', 'http1'],
    ['\x16GET / HTTP/1.1\n', 'http1'],
    ['\x16\x03\x01\x00\x30\x01 / HTTP/1.1\n', 'http1'],
    [`\xff${'x'.repeat(60_000)} / HTTP/1.1${' '.repeat(500)}\r\n`, 'http1'],
    [`\xff${'x'.repeat(66_000)} / HTTP/1.1\r\n`, 'opaque'],
    // Behind a header of the PROXY protocol a server reads a request.
    ['PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\n', 'http1'],
    ['PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nEHLO mail\r\n', 'opaque'],
    [`${PROXY_V2}\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02GET / HTTP/1.1\r\n`, 'http1'],
    [`${PROXY_V2}\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02EHLO mail\r\n`, 'opaque'],
    // Node's parser reads header fields behind each of these, as if they were of HTTP/0.9; Java's and Netty behind any version.
    ['POST /\r\n', 'http1'],
    ['OPTIONS *\r\n', 'http1'],
    ['PUT http://a/\r\n', 'http1'],
    ['M-SEARCH /a b\n', 'http1'],
    ['any /thing FOO/1.1\r\n', 'http1'],
    ['PUT http://a/ HTTP/x\r\n', 'http1'],
    ['\x01\x00DELETE / \r\n', 'http1'],
    [`${'x'.repeat(20_000)} ${' '.repeat(300)}/${'y'.repeat(20_000)}\r\n`, 'http1'],
    // Netty passes over control characters, and Java's server takes LF for one of a word.
    ['\x00\r\nGET / HTTP/1.1\r\n', 'http1'],
    ['\x01\x7f\n\x80\n\r\nPOST /\r\n', 'http1'],
    ['word\nGET / HTTP/1.1\r\n', 'http1'],
    ['two words\n\x02\nPOST / X/1.1\r\n', 'http1'],
    ['word\nPOST / HTTP/1.1\nother\r\n', 'opaque'],
    ['word\r\nPOST / HTTP/1.1\r\n', 'opaque'],
    ['PUT word\r\n', 'opaque'],
    ['PUT //\x01\r\n', 'opaque'],
    ['SUBSCRIBE a.*\r\n', 'opaque'],
    ['INVITE sip:a@b SIP/2.0\r\n', 'opaque'],
    ['GET /\x01', 'more'],
    ['0032git-upload-pack /a.git\0host=b\0', 'opaque'],
    ['10.0.0.1 - - "GET / HTTP/1.1" 200\n', 'opaque'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'h2c'],
    ['PRI * HTTP/2.0\r\n', 'more'],
    ['GET /long', 'more'],
    ['EHLO mail\r\n', 'opaque'],
    ['GET key value\r\n', 'opaque'],
    ['*1\r\n$4\r\nPING\r\n', 'opaque'],
    ['\x00\x00\x00\x08\x04\xd2\x16\x2f', 'opaque'],
    ['\x16\x02\x00', 'opaque'],
    ['\x16\x03\x01\x00\x00', 'opaque'],
  ]
  for (const [bytes, kind] of table)
    t.equal(detect(Buffer.from(bytes, 'latin1')).kind, kind, JSON.stringify(bytes).slice(0, 60))
  for (const [bytes] of table) {
    const whole = Buffer.from(bytes, 'latin1')
    const kind = inParts(whole, whole.length)
    for (const size of [1, 2, 5])
      t.equal(inParts(whole, size), kind, `in parts of ${size}: ${JSON.stringify(bytes).slice(0, 60)}`)
  }
  const other: [bytes: string, text: boolean][] = [
    ['EHLO mail\r\n', true],
    ['INVALID CONNECTION PREFACE\r\n', true],
    ['a / HTTP/x HTTP/y\0\r\n', false],
  ]
  for (const [bytes, text] of other)
    t.match(detect(Buffer.from(bytes, 'latin1')), { kind: 'opaque', text }, JSON.stringify(bytes))
})

t.test(
  'arbitrary bytes never throw, and what is decided stays decided once the first line is over',
  async () => {
    const start = fc.constantFrom('', '\x16\x03\x01\x00\x30\x01\x00\x00\x2c\x03\x03', 'GET ', 'PRI * ')
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (prefix, tail) => {
        const bytes = Buffer.from(prefix + Buffer.from(tail).toString('latin1'), 'latin1')
        const whole = detect(bytes).kind
        for (let cut = 0; cut < bytes.length; cut += 7) {
          const detection = new Detection()
          const part = detection.feed(bytes.subarray(0, cut)).kind
          if (part !== 'more' && !detection.open && part !== whole) return false
        }
        return true
      }),
    )
  },
)
