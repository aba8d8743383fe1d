import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Test } from 'tap'

/** The first flight of a TLS client with these options. */
async function clientHello(options: ConnectionOptions): Promise<Buffer> {
  const recorder = createServer().listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  const address = recorder.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const accepted = once(recorder, 'connection') as Promise<[Socket]>
  const client = connectTls({ ...options, port, host: '127.0.0.1' }).on('error', () => {})
  const [socket] = await accepted
  const [hello] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  recorder.close()
  return hello
}

export interface Stalled {
  readonly sockets: readonly Socket[]
  /** How many got the server's flight, to which they say nothing. */
  readonly answered: () => number
  /** Resolves when so many did. */
  untilAnswered(count: number): Promise<void>
}

/** Connections from this loopback address that begin a handshake each and never finish it. */
export async function stalledHandshakes(
  t: Test,
  { port, from, count }: { readonly port: number; readonly from: string; readonly count: number },
  options: ConnectionOptions = {},
): Promise<Stalled> {
  const hello = await clientHello(options)
  let answered = 0
  let heard = (): void => {}
  const sockets: Socket[] = []
  for (let opened = 0; opened < count; opened++) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from }).on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.once('data', () => {
      answered++
      heard()
    })
    await once(socket, 'connect')
    socket.write(hello)
    sockets.push(socket)
  }
  const untilAnswered = (wanted: number): Promise<void> =>
    new Promise((resolve) => {
      heard = () => {
        if (answered >= wanted) resolve()
      }
      heard()
    })
  return { sockets, answered: () => answered, untilAnswered }
}
