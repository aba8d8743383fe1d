import { connect, Socket } from 'node:net'
import t from 'tap'
import { freePorts } from './free-ports.ts'
import { connected } from './connected.ts'

/** A socket that fails as one does whose peer's answer to its SYN and to its first byte are read in one turn. */
function failing(code: string): Socket {
  const socket = new Socket()
  setImmediate(() => socket.destroy(Object.assign(new Error(`connect ${code}`), { code })))
  return socket
}

t.test('a connection that was reset at once was connected, and is closed', async (t) => {
  const socket = failing('ECONNRESET')
  await connected(socket)
  t.ok(socket.closed)
})

t.test('one that was never taken was not', async (t) => {
  const [port = 0] = await freePorts(1)
  await t.rejects(connected(connect(port, '127.0.0.1')), { code: 'ECONNREFUSED' })
  await t.rejects(connected(failing('ETIMEDOUT')), { code: 'ETIMEDOUT' })
})
