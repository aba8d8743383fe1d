import { execFileSync } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { ALPN_TCP } from '../../core/contract.ts'
import { newRoot, secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { Application } from './application.ts'
import { meshConnection, statusOn } from './calling.ts'
import { Elsewhere } from './elsewhere.ts'
import { viewOf } from './pure.ts'
import { ServingSidecar } from './serving-sidecar.ts'
import { PODS } from './world.ts'
import { allow, from, to } from './written.ts'

// Another pod dials the addresses of this one, port by port, behind the rules that `weft init` makes. What counts is what the
// application saw, which listens to everybody.

const RUN_INIT = join(import.meta.dirname, '../../injector/rules/testing/run-init.ts')
const PAY = PODS['pay']
if (PAY?.address6 === undefined) throw new Error('world.ts has no pod pay with two addresses')
const FAMILIES = {
  IPv4: { host: PAY.address, stray: '10.1.0.66' },
  IPv6: { host: PAY.address6, stray: 'fd00:2::1:66' },
}
/** Of the sidecar, and one that nobody declared. */
const OTHER_PORTS = [15001, 15006, 15000, 6000]
const WEB = { serviceAccounts: ['shop/web'] }
const PUBLIC = allow('public', [{ ...from(WEB), ...to({ ports: [8080], paths: ['/public/*'] }) }])
const request = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: pay.payments\r\n\r\n`

inOwnNamespace(t, import.meta.filename, () => {
  t.test('whoever dials a port of the pod is decided on, by IPv4 and by IPv6', async (t) => {
    const root = newRoot()
    const web = secretsFor(root, 'spiffe://cluster.local/ns/shop/sa/web')
    const cron = secretsFor(root, 'spiffe://cluster.local/ns/other/sa/cron')
    const { IPv4, IPv6 } = FAMILIES
    const elsewhere = await Elsewhere.join(t, {
      here: [`${IPv4.host}/16`, `${IPv4.stray}/16`, `${IPv6.host}/64`, `${IPv6.stray}/64`],
      there: ['10.1.9.9/16', 'fd00:2::9:9/64'],
    })
    execFileSync(process.execPath, [RUN_INIT], { stdio: 'pipe' })
    const application = await Application.listen(t, '::', [...PAY.ports, 6000])
    const sidecar = await ServingSidecar.start(t, root, PAY, [IPv4.host, IPv6.host], 'rules')
    sidecar.follow(viewOf([PUBLIC]))

    type Way = (host: string, port: number, path: string) => Promise<number>
    const status = async (connected: Promise<Socket>, path: string): Promise<number> => {
      const socket = await connected.catch(() => undefined)
      if (!socket) return 0
      const answer = await statusOn(socket, request(path))
      socket.destroy()
      return answer
    }
    const plain: Way = (host, port, path) => status(elsewhere.dial({ host, port }), path)
    const mesh =
      (secrets: typeof web, alpn: 'http/1.1' | typeof ALPN_TCP): Way =>
      (host, port, path) =>
        status(
          elsewhere.dial({ host, port }).then((socket) => meshConnection(socket, secrets, alpn)),
          path,
        )
    const asWeb = mesh(web, 'http/1.1')
    // Requests are decided on as such, whatever TLS says that they are.
    const ways = { plain, asWeb, asCron: mesh(cron, 'http/1.1'), asBytes: mesh(cron, ALPN_TCP) }

    for (const [family, { host, stray }] of Object.entries(FAMILIES)) {
      t.equal(await asWeb(host, 8080, '/public/a'), 200, `${family}: what is meant`)
      t.same(application.requests.splice(0), ['GET /public/a HTTP/1.1'])
      for (const [name, way] of Object.entries(ways)) {
        if (way !== asWeb) t.not(await way(host, 8080, '/public/a'), 200, `${family}: ${name}`)
        t.not(await way(host, 8080, '/admin'), 200, `${family}: ${name} /admin`)
        for (const port of [...PAY.ports.filter((one) => one !== 8080), ...OTHER_PORTS])
          t.not(await way(host, port, '/public/a'), 200, `${family}: ${name}:${port}`)
        t.equal(
          await way(stray, 8080, '/public/a'),
          0,
          `${family}: ${name} by an address that is not the pod's`,
        )
      }
      t.same(application.requests, [])
      t.equal(application.connections, 0)
    }
    sidecar.follow(viewOf([]))
    for (const { host } of Object.values(FAMILIES))
      t.equal(await plain(host, 6000, '/public/a'), 200, 'and without a policy they would be let in')
  })
})
