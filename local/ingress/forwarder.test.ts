import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { passStraight, passThroughIngress } from './exposed-service.ts'
import { startForwarder } from './forwarder.ts'

/** All that comes, without the end that an iterator makes of the other direction, too. */
function text(socket: Socket): Promise<string> {
  let said = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  return once(socket, 'end').then(() => said)
}

/** A server that answers once its caller has said all that it has to say; the port. */
async function echo(t: Test): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void text(socket).then((said) => socket.end(`got ${said}`))
  })
  return listening(t, server)
}

async function listening(t: Test, server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Shorter than a directory of the test's fixtures: unix(7) has 107 bytes for a path. */
function socketPath(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'weft-forwarder-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'forwarder.sock')
}

async function ask(port: number, words: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(words)
  return text(socket)
}

t.test('a connection goes on to where its first line says, and its end with it', async (t) => {
  const path = socketPath(t)
  const port = await echo(t)
  const exposed = (caller: Socket) => passThroughIngress(caller, path, { host: '127.0.0.1', port })
  const entry = await listening(t, createServer(exposed))
  // Nobody listens there yet: the caller waits.
  const first = ask(entry, 'early')
  const forwarder = startForwarder(path)
  t.teardown(() => forwarder.close())
  t.equal(await first, 'got early')
  t.equal(await ask(entry, 'late'), 'got late')
})

t.test('a first line in pieces; what is no such line is let go', async (t) => {
  const path = socketPath(t)
  const port = await echo(t)
  const forwarder = startForwarder(path)
  t.teardown(() => forwarder.close())
  await once(forwarder, 'listening')
  const whole = `127.0.0.1 ${port}\nbytes \u{e9}\n`
  const socket = connect({ path, allowHalfOpen: true })
  for (const piece of [whole.slice(0, 4), whole.slice(4, 12)]) {
    await new Promise((resolve) => socket.write(piece, resolve))
    await new Promise(setImmediate)
  }
  socket.end(whole.slice(12))
  t.equal(await text(socket), 'got bytes \u{e9}\n')
  const wrong = connect({ path })
  wrong.on('error', () => {})
  wrong.write('x'.repeat(1000))
  await once(wrong, 'close')
})

t.test('a connection without a destination ends; one with it goes straight there', async (t) => {
  const port = await echo(t)
  const straight = await listening(
    t,
    createServer((caller) => passStraight(caller, { host: '127.0.0.1', port })),
  )
  t.equal(await ask(straight, 'hello'), 'got hello')
  const nowhere = await listening(
    t,
    createServer((caller) => passStraight(caller, undefined)),
  )
  const socket = connect({ port: nowhere, host: '127.0.0.1' })
  socket.on('error', () => {})
  await once(socket.resume(), 'close')
})
