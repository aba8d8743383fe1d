import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Recorder } from '../../http2/testing/recorder.ts'
import { connectHttp1 } from '../../http1/client.ts'
import { relay } from '../../tcp/relay.ts'
import { DirectSocket } from '../direct-socket.ts'
import { createTransport } from '../socket-transport.ts'

// Run in a network namespace of its own, as root: two peers that are there, then every packet to and from them is
// dropped. Prints what was noticed as JSON.
execFileSync('ip', ['link', 'set', 'lo', 'up'])
const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

async function connected(): Promise<Socket> {
  const socket = new DirectSocket()
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

const silence = Promise.withResolvers<number>()
const reset = Promise.withResolvers<string>()
class Waiting extends Recorder {
  override onSilent(): void {
    silence.resolve(performance.now())
  }
  override onReset(reason: 'connection'): void {
    reset.resolve(reason)
  }
}
const client = connectHttp1(createTransport(await connected()), { onChange() {} }, {})

// The caller's side of the relay stays reachable: it is on another port.
const front = createServer().listen(0, '127.0.0.1')
await once(front, 'listening')
const caller = connect((front.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
const [accepted] = (await once(front, 'connection')) as [Socket]
const over = Promise.withResolvers<string | undefined>()
relay(accepted, await connected(), {}, ({ error }) =>
  over.resolve((error as NodeJS.ErrnoException | undefined)?.code),
)

for (const end of ['--dport', '--sport'])
  execFileSync('iptables', ['-A', 'INPUT', '-i', 'lo', '-p', 'tcp', end, String(port), '-j', 'DROP'])
const head = { method: 'GET', scheme: 'http', authority: 'a', path: '/', fields: [], upgrade: '' }
const asked = performance.now()
client.open(head, true, new Waiting())
caller.write('anything')

const heard = (await silence.promise) - asked < 3000
const results = { heard, relay: await over.promise, request: await reset.promise }
const withinMs = Math.round(performance.now() - asked)
process.stdout.write(JSON.stringify({ ...results, withinMs }))
process.exit(0)
