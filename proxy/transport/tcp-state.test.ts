import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { endedByPeer } from './tcp-state.ts'

/** Two ends of a connection; nobody reads at the first one. */
async function ends(t: Test): Promise<readonly [Socket, Socket]> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const ours = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' })
  ours.pause()
  const [[theirs]] = (await Promise.all([once(server, 'connection'), once(ours, 'connect')])) as [
    [Socket],
    unknown,
  ]
  for (const socket of [ours, theirs]) socket.on('error', () => {})
  t.teardown(() => {
    ours.destroy()
    theirs.destroy()
    server.close()
  })
  return [ours, theirs]
}

const fdOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd

for (const [how, end] of [
  ['FIN', (socket: Socket) => void socket.end()],
  ['FIN behind bytes', (socket: Socket) => void socket.end('left')],
  ['RST', (socket: Socket) => void socket.resetAndDestroy()],
] as const)
  t.test(`a ${how} is seen before it is read`, async (t) => {
    const [ours, theirs] = await ends(t)
    t.equal(endedByPeer(fdOf(ours)), false)
    end(theirs)
    while (!endedByPeer(fdOf(ours))) await new Promise(setImmediate)
    t.pass('seen')
  })

t.test('nothing is said of what is no connection', async (t) => {
  t.equal(endedByPeer(-1), false)
})
