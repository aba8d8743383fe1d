import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import * as tls from 'node:tls'
import t, { type Test } from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { newRoot, secretsOf } from '../testing/mesh-identity.ts'
import { direct } from '../transport/direct-socket.ts'
import { refuseTruncation } from '../transport/refuse-truncation.ts'
import { relay, type RelayEnd } from './relay.ts'

const secrets = secretsOf(newRoot(), 'server')
const context = tls.createSecureContext({
  key: secrets.privateKeyPem,
  cert: secrets.certificatePem,
  ca: secrets.bundlePem,
})

interface Ends {
  readonly ours: Socket
  readonly peer: Socket
  /** The TCP connection below the peer's end. */
  readonly wire: Socket
}

/** A connection of which `ours` is the accepted end (as the proxy accepts), or the one that connected. */
async function ends(t: Test, kind: 'tcp' | 'tls accepted' | 'tls connected'): Promise<Ends> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wire = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  const [raw] = (await once(server, 'connection')) as [Socket]
  server.close()
  const accepted = direct(raw)
  t.teardown(() => {
    wire.destroy()
    accepted.destroy()
  })
  if (kind === 'tcp') return quiet({ ours: accepted, peer: wire, wire })
  const terminator = tls.createServer({
    secureContext: context,
    key: secrets.privateKeyPem,
    cert: secrets.certificatePem,
  })
  const secured = once(terminator, 'secureConnection')
  const client = tls.connect({
    socket: kind === 'tls accepted' ? wire : accepted,
    secureContext: context,
    checkServerIdentity: () => undefined,
  })
  terminator.emit('connection', kind === 'tls accepted' ? accepted : wire)
  const [secure] = (await secured) as [Socket]
  return kind === 'tls accepted'
    ? quiet({ ours: secure, peer: client, wire })
    : quiet({ ours: client, peer: secure, wire })
}

function quiet(made: Ends): Ends {
  made.ours.allowHalfOpen = made.peer.allowHalfOpen = true
  for (const socket of [made.ours, made.peer, made.wire]) socket.on('error', () => {})
  return made
}

function closed(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve()
  return new Promise((resolve) => socket.on('close', () => resolve()))
}

/** Relays between two connections; what comes at the far end, and how it and the relay ended. */
async function relayed(near: Ends, far: Ends) {
  refuseTruncation(near.ours)
  refuseTruncation(far.ours)
  const seen = { text: '', ended: false, error: '' }
  far.peer.on('data', (chunk: Buffer) => (seen.text += String(chunk)))
  far.peer.on('end', () => (seen.ended = true))
  far.peer.on('error', (error: NodeJS.ErrnoException) => (seen.error = error.code ?? ''))
  const over = new Promise<RelayEnd>((resolve) => relay(near.ours, far.ours, {}, resolve))
  return { seen, over, text: () => once(far.peer, 'data') }
}

for (const kind of ['tcp', 'tls accepted', 'tls connected'] as const) {
  t.test(`${kind}: an end in order goes on as one, and so does the answer's`, async (t) => {
    const near = await ends(t, kind)
    const far = await ends(t, 'tcp')
    const { seen, over } = await relayed(near, far)
    near.peer.end('all of it')
    await once(far.peer, 'end')
    let answer = ''
    near.peer.on('data', (chunk: Buffer) => (answer += String(chunk)))
    const answered = once(near.peer, 'end')
    far.peer.end('the answer')
    await answered
    t.match(await over, { sent: 9, received: 10, error: undefined, idle: false })
    t.strictSame(seen, { text: 'all of it', ended: true, error: '' })
    t.equal(answer, 'the answer')
  })

  t.test(`${kind}: a reset goes on as one`, async (t) => {
    const near = await ends(t, kind)
    const far = await ends(t, 'tcp')
    const { seen, over, text } = await relayed(near, far)
    near.peer.write('a part')
    await text()
    near.wire.resetAndDestroy()
    t.match(await over, { error: { code: 'ECONNRESET' }, brokenBy: 'a' })
    await closed(far.peer)
    t.strictSame(seen, { text: 'a part', ended: false, error: 'ECONNRESET' })
  })

  t.test(`${kind}: the far end's reset goes back as one`, async (t) => {
    const near = await ends(t, kind)
    const far = await ends(t, 'tcp')
    const { over } = await relayed(near, far)
    let error = ''
    near.wire.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code ?? ''))
    near.peer.on('error', (cause: NodeJS.ErrnoException) => (error ||= cause.code ?? ''))
    near.peer.resume()
    far.peer.resetAndDestroy()
    t.match(await over, { error: { code: 'ECONNRESET' }, brokenBy: 'b' })
    await closed(near.wire)
    t.equal(error, 'ECONNRESET')
  })
}

for (const kind of ['tls accepted', 'tls connected'] as const) {
  for (const held of [false, true])
    t.test(
      `${kind}: a FIN without close_notify is a break${held ? ', also while it is held back' : ''}`,
      async (t) => {
        const near = await ends(t, kind)
        const far = await ends(t, 'tcp')
        const { seen, over, text } = await relayed(near, far)
        if (held) {
          far.peer.pause()
          // More than two kernels hold, so that the relay holds the rest back.
          near.peer.write(Buffer.alloc(16 * 1024 * 1024))
          await new Promise<void>((resolve) => {
            const look = (): void => (near.ours.isPaused() ? resolve() : void setImmediate(look))
            look()
          })
          near.wire.destroySoon()
          far.peer.resume()
        } else {
          near.peer.write('a part')
          await text()
          near.wire.end()
        }
        t.match(await over, { error: {}, brokenBy: 'a' })
        await closed(far.peer)
        t.match(seen, { ended: false, error: 'ECONNRESET' })
      },
    )
}

t.test('what ended in order before it broke is delivered whole', async (t) => {
  const near = await ends(t, 'tcp')
  const far = await ends(t, 'tcp')
  // More than the kernel takes while nobody reads: what comes behind it waits.
  const size = 16 * 1024 * 1024
  far.ours.write(Buffer.alloc(size))
  const over = new Promise<RelayEnd>((resolve) => relay(near.ours, far.ours, {}, resolve))
  near.peer.end('tail')
  await once(near.ours, 'end')
  near.peer.destroy()
  // What comes back meets nobody any more, which a reset tells.
  while (!near.ours.closed) {
    far.peer.write('late')
    await new Promise((resolve) => setImmediate(resolve))
  }
  let text = ''
  let bytes = 0
  far.peer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    text = (text + chunk.toString('latin1', Math.max(0, chunk.length - 4))).slice(-4)
  })
  await once(far.peer, 'end')
  t.match(await over, { sent: 4 })
  t.strictSame([bytes, text], [size + 4, 'tail'])
})

t.test(
  'the idle time ends a relay to the millisecond after the last byte, whichever way it went',
  async (t) => {
    for (const kind of ['tcp', 'tls accepted'] as const) {
      const clock = new ManualClock()
      const [near, far] = [await ends(t, kind), await ends(t, 'tcp')]
      let end: RelayEnd | undefined
      const over = new Promise<void>((resolve) =>
        relay(near.ours, far.ours, { clock, idleTimeoutMs: 5000 }, (relayEnd) => {
          end = relayEnd
          resolve()
        }),
      )
      near.peer.write('a question')
      await once(far.peer, 'data')
      clock.advance(3000)
      far.peer.write('an answer')
      await once(near.peer, 'data')
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(4999)
      await new Promise((resolve) => setImmediate(resolve))
      t.equal(near.ours.destroyed, false)
      clock.advance(1)
      await over
      t.match(end, { idle: true, sent: 10, received: 9 })
      t.equal(clock.pending, 0)
    }
  },
)

t.test('a half-closed connection that is destroyed from outside takes the other along', async (t) => {
  const near = await ends(t, 'tcp')
  const far = await ends(t, 'tcp')
  const over = new Promise<RelayEnd>((resolve) => relay(near.ours, far.ours, {}, resolve))
  near.peer.end('all of it')
  far.peer.resume()
  await once(far.peer, 'end')
  // As a proxy does that closes at once; the far end would have gone on.
  near.ours.destroy()
  t.match(await over, { sent: 9, error: undefined })
})
