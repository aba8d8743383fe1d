import { connect, createServer } from 'node:net'
import * as tls from 'node:tls'
import fc from 'fast-check'
import t from 'tap'
import { parseClientHello } from './client-hello.ts'
import { detect } from './detect.ts'

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
  const records: Buffer[] = []
  for (let at = 0; at < body.length; at += 100) {
    const part = body.subarray(at, at + 100)
    const header = Buffer.from([22, 3, 1, 0, 0])
    header.writeUInt16BE(part.length, 3)
    records.push(header, part)
  }
  t.same(parseClientHello(Buffer.concat(records)), expected, 'fragmented into records of 100 bytes')
})

t.test('protocols by their first bytes', async (t) => {
  const table: [bytes: string, kind: string][] = [
    ['GET / HTTP/1.1\r\n', 'http1'],
    ['M-SEARCH * HTTP/1.1\r\n', 'http1'],
    ['GET / HTTP/1.1\n', 'http1'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'h2c'],
    ['PRI * HTTP/2.0\r\n', 'more'],
    ['GET /long', 'more'],
    ['EHLO mail\r\n', 'opaque'],
    ['GET key\r\n', 'opaque'],
    ['*1\r\n$4\r\nPING\r\n', 'opaque'],
    ['\x00\x00\x00\x08\x04\xd2\x16\x2f', 'opaque'],
    ['\x16\x02\x00', 'opaque'],
    ['\x16\x03\x01\x00\x00', 'opaque'],
  ]
  for (const [bytes, kind] of table)
    t.equal(detect(Buffer.from(bytes, 'latin1')).kind, kind, JSON.stringify(bytes))
  const other: [bytes: string, text: boolean][] = [
    ['EHLO mail\r\n', true],
    ['INVALID CONNECTION PREFACE\r\n', true],
    ['GET /\r\n', false],
    ['GET http://a/ HTTP/3.0\r\n', false],
    ['\r\nGET / HTTP/1.1\r\n', false],
  ]
  for (const [bytes, text] of other)
    t.match(detect(Buffer.from(bytes, 'latin1')), { kind: 'opaque', text }, JSON.stringify(bytes))
})

t.test('arbitrary bytes never throw, and what is decided stays decided', async () => {
  const start = fc.constantFrom('', '\x16\x03\x01\x00\x30\x01\x00\x00\x2c\x03\x03', 'GET ', 'PRI * ')
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (prefix, tail) => {
      const bytes = Buffer.from(prefix + Buffer.from(tail).toString('latin1'), 'latin1')
      const whole = detect(bytes).kind
      for (let cut = 0; cut < bytes.length; cut += 7) {
        const part = detect(bytes.subarray(0, cut)).kind
        if (part !== 'more' && part !== whole) return false
      }
      return true
    }),
  )
})
