// Servers that take nothing but connections that begin with the PROXY protocol, and say what that told.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'

async function take(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const taken = socket.read(bytes) as Buffer | null
    if (taken) return taken
    if (socket.readableEnded) throw new Error('it ended within the header')
    await once(socket, 'readable')
  }
}

/** haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2: `source:port destination:port`, or `local`. */
async function readV2(socket: Socket): Promise<string> {
  const head = await take(socket, 16)
  if (head.toString('latin1', 0, 12) !== '\r\n\r\n\0\r\nQUIT\n') throw new Error('it is not there')
  const length = head.readUInt16BE(14)
  const rest = length > 0 ? await take(socket, length) : head
  if (head[12] === 0x20) return 'local'
  if (head[12] !== 0x21 || head[13] !== 0x11) throw new Error('neither PROXY nor TCP over IPv4')
  const address = (at: number): string => rest.subarray(at, at + 4).join('.')
  return `${address(0)}:${rest.readUInt16BE(8)} ${address(4)}:${rest.readUInt16BE(10)}`
}

/** Section 2.1. */
async function readV1(socket: Socket): Promise<string> {
  let line = ''
  while (!line.endsWith('\r\n')) {
    line += (await take(socket, 1)).toString('latin1')
    if (!'PROXY '.startsWith(line.slice(0, 6))) throw new Error('it is not there')
  }
  const [, family, source, destination, from, to] = line.trim().split(' ')
  return family === 'UNKNOWN' ? 'local' : `${source}:${from} ${destination}:${to}`
}

function told(
  read: (socket: Socket) => Promise<string>,
  serve: (socket: Socket, said: string) => void,
): Server {
  return createTcpServer((socket) => {
    socket.on('error', () => {})
    read(socket).then(
      (said) => serve(socket, said),
      () => socket.destroy(),
    )
  })
}

/** Version 2 before HTTP. Its probe is answered where it is nobody's, as a sidecar's is. */
export function httpBehindProxyProtocol(): Server {
  const said = new WeakMap<Socket, string>()
  const http = createHttpServer((message, response) => {
    const by = said.get(message.socket) ?? ''
    if (message.url === '/up') response.statusCode = by === 'local' ? 200 : 403
    response.end(by)
  })
  return told(readV2, (socket, by) => {
    said.set(socket, by)
    http.emit('connection', socket)
  })
}

/** Version 1 before bytes: they are answered by what it said. */
export function bytesBehindProxyProtocol(): Server {
  return told(readV1, (socket, by) => void socket.end(by))
}
