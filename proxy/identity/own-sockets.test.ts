import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { openControlPlane } from './control-plane-client.ts'

const root = createRoot('cluster.local', Date.now())
const key = generateKey()
const { chain } = issueServer(root, {
  dnsNames: ['control-plane.test'],
  publicKey: createPublicKey(key),
  now: Date.now(),
})
const same = (bytes: Buffer): Buffer => bytes
const secret = { cert: certificatesPem(chain), key: privateKeyPem(key) }

/** Once nothing is open and nothing came for a while that a try in flight would take. */
async function settled(open: ReadonlySet<Socket>): Promise<void> {
  for (let quiet = 0; quiet < 20; quiet++) {
    if (open.size > 0) quiet = 0
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

for (const [what, create] of [
  ['never ends the TLS handshake', () => createServer()],
  ['never sends its SETTINGS', () => createTlsServer({ ...secret, ALPNProtocols: ['h2'] })],
] as const)
  t.test(`a control plane that ${what} keeps no socket of a client that gave up`, async (t) => {
    const open = new Set<Socket>()
    const server = create()
      // It says nothing, also not that it heard of the end.
      .on('connection', (socket: Socket) => {
        open.add(socket)
        socket.on('error', () => {}).on('close', () => open.delete(socket))
        if (what.includes('TLS')) socket.resume()
      })
      .listen(0, '127.0.0.1')
    server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}).resume())
    t.teardown(() => {
      for (const socket of open) socket.destroy()
      server.close()
    })
    await once(server, 'listening')
    const paths = { tokenPath: join(t.testdir({ token: 'a.token' }), 'token'), caBundlePath: '' }
    paths.caBundlePath = join(paths.tokenPath, '..', 'roots.pem')
    writeFileSync(paths.caBundlePath, root.certificate.toString())
    let tries = 0
    for (let i = 0; i < 3; i++) {
      const { client } = await openControlPlane({
        address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        serverName: 'control-plane.test',
        ...paths,
      })
      const reached = once(server, what.includes('TLS') ? 'connection' : 'secureConnection')
      client.makeUnaryRequest('/any/call', same, same, Buffer.alloc(0), () => {})
      await reached
      tries++
      client.close()
      await settled(open)
    }
    t.equal(tries, 3)
  })
