import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { resetSocket } from './reset-socket.ts'

async function accepted(): Promise<{ ours: Socket; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  const [ours] = (await once(server, 'connection')) as [Socket]
  server.close()
  return { ours, peer }
}

t.test('the peer sees a RST', async (t) => {
  const { ours, peer } = await accepted()
  const failed = once(peer.resume(), 'error')
  resetSocket(ours)
  t.match(await failed, [{ code: 'ECONNRESET' }])
  if (!ours.closed) await once(ours, 'close')
})

t.test('while a FIN is on its way to the kernel it closes in order, and says so', async (t) => {
  const { ours, peer } = await accepted()
  const ended = once(peer.resume(), 'end')
  ours.end()
  await new Promise<void>((resolve) => process.nextTick(resolve))
  t.ok(ours.writableEnded && !ours.writableFinished, 'the case is that one')
  resetSocket(ours)
  await once(ours, 'close')
  await ended
  peer.destroy()
})
