import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { relay } from '../tcp/relay.ts'
import { direct } from './direct-socket.ts'
import { peek } from './peek.ts'

/** A connection as the proxy accepts it, and its peer's end. */
async function accepted(t: Test): Promise<{ ours: Socket; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  const [raw] = (await once(server, 'connection')) as [Socket]
  server.close()
  t.teardown(() => peer.destroy())
  return { ours: direct(raw), peer }
}

for (const said of ['', 'hello', 'GE', '\x16\x03'])
  t.test(
    `a FIN behind ${JSON.stringify(said)} reaches the application, and its answer the client`,
    async (t) => {
      const [near, far] = [await accepted(t), await accepted(t)]
      const [application, client] = [far.peer, near.peer]
      let [got, answer] = ['', '']
      application.on('data', (chunk) => (got += String(chunk)))
      client.on('data', (chunk) => (answer += String(chunk)))
      client.end(said)
      const peeked = await new Promise((resolve) => peek(near.ours, { timeoutMs: 60_000 }, resolve))
      t.match(peeked, { kind: 'opaque' })
      // Looked at again, as an HTTP chain does: nothing more is waited for.
      if (near.ours.readableEnded)
        await new Promise((resolve) => peek(near.ours, { timeoutMs: 60_000 }, resolve))
      const over = new Promise((resolve) => relay(near.ours, far.ours, {}, resolve))
      await once(application, 'end')
      t.equal(got, said)
      application.end('220 at your service')
      await once(client, 'end')
      t.equal(answer, '220 at your service')
      t.match(await over, { sent: said.length, received: 19, error: undefined })
    },
  )
