import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { HELLO, TLS_CIPHERS, TLS_KEY, type Answer, type Call } from './call.ts'

/** Over TCP, or TLS in it: says hello, and takes what is said until the end. Rejects where nothing is. */
export async function callConnection({ to, over, serverName = '' }: Call): Promise<Answer> {
  const [host, port] = to.split(':')
  const plain = connect({ host, port: Number(port) })
  const socket: Socket = over === 'tls' ? secure(plain, serverName) : plain
  socket.write(HELLO)
  const body = await text(socket)
  if (body === '') throw new Error('the connection was closed without a word')
  return { status: 200, headers: {}, body }
}

function secure(socket: Socket, servername: string): Socket {
  return connectTls({
    socket,
    servername,
    ciphers: TLS_CIPHERS,
    maxVersion: 'TLSv1.2',
    pskCallback: () => ({ psk: TLS_KEY, identity: 'client' }),
    checkServerIdentity: () => undefined,
  })
}

/** Says hello, and takes one message. Rejects where the handshake fails or nothing comes back. */
export async function callWebSocket({ to, path = '/' }: Call): Promise<Answer> {
  const socket = new WebSocket(`ws://${to}${path}`)
  const failed = once(socket, 'close').then(() => {
    throw new Error('the WebSocket was closed without a word')
  })
  try {
    await Promise.race([once(socket, 'open'), failed])
    socket.send(HELLO)
    const [{ data }] = (await Promise.race([once(socket, 'message'), failed])) as [{ readonly data: string }]
    return { status: 200, headers: {}, body: data }
  } finally {
    failed.catch(() => {})
    socket.close()
  }
}
