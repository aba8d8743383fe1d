import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ALPN_TCP } from '../../core/contract.ts'
import { ecKey, signed } from '../../proxy/steps/testing/tokens.ts'
import { newRoot, secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { addAddresses } from './addresses-of-world.ts'
import { holdConnections, noneConnectedTo, noneWaitsTo, waitingTo } from './held-connections.ts'
import { Application } from './application.ts'
import { meshConnection, plainConnection, statusOn } from './calling.ts'
import { viewOf } from './pure.ts'
import { CAPTURED, ServingSidecar } from './serving-sidecar.ts'
import { PODS, worldManifests } from './world.ts'
import { allow, deny, from, meshPolicy, to, type WrittenObject } from './written.ts'

// What changes while a connection is open or a request waits lets nothing in that would not be let in anew.

const PAY = PODS['pay']
if (PAY?.address6 === undefined) throw new Error('world.ts has no pod pay with two addresses')
const HOSTS = { IPv4: PAY.address, IPv6: PAY.address6 }
const WEB = { serviceAccounts: ['shop/web'] }
const PUBLIC = allow('public', [{ ...from(WEB), ...to({ paths: ['/public/*'] }) }])
const GET = 'GET /public/a HTTP/1.1\r\nhost: pay.payments\r\n\r\n'

/** The world with another protocol at one port of pay. */
function worldWith(targetPort: number, appProtocol: string): string[] {
  return worldManifests().map((text) =>
    text.replaceAll(
      new RegExp(`("targetPort":${targetPort},"appProtocol":)"[a-z]+"`, 'g'),
      (_, before: string) => `${before}"${appProtocol}"`,
    ),
  )
}

inOwnNamespace(t, import.meta.filename, () => {
  let application: Application
  let six: Application
  let sidecar: ServingSidecar
  const root = newRoot()
  const web = secretsFor(root, 'spiffe://cluster.local/ns/shop/sa/web')
  const place = (port: number) => ({ host: PAY.address, port: port + CAPTURED })

  t.before(async () => {
    addAddresses()
    application = await Application.listen(t, HOSTS.IPv4, PAY.ports)
    six = await Application.listen(t, HOSTS.IPv6, PAY.ports)
    six.requests = application.requests
    sidecar = await ServingSidecar.start(t as unknown as Test, root, PAY, Object.values(HOSTS))
  })
  t.beforeEach(() => {
    application.requests.length = 0
    application.connections = 0
  })
  const follow = (
    objects: readonly WrittenObject[],
    world?: readonly string[],
    more: readonly object[] = [],
  ) => sidecar.follow(viewOf(objects, more, world))

  const statusOf = (socket: Socket, request = GET): Promise<number> => statusOn(socket, request)

  t.test('a port that carries bytes by now decides by that on requests of open connections', async (t) => {
    const near = { ipBlocks: ['10.2.0.0/16'] }
    const open = allow('public', [{ ...from(near), ...to({ paths: ['/public/*'] }) }])
    follow([open])
    const socket = await plainConnection(place(8080))
    t.equal(await statusOf(socket), 200)
    const bytes = worldWith(8080, 'tcp')
    follow([open], bytes)
    t.equal(await statusOf(socket), 403, 'a rule with paths allows nothing there')
    t.equal(application.requests.length, 1)
    follow([allow('near', [from(near)])], bytes)
    t.equal(await statusOf(socket), 200, 'one of the caller does')
    follow([deny('near', [from(near)])], bytes)
    t.equal(await statusOf(socket), 403)
    follow([], bytes)
    t.equal(await statusOf(socket), 200)
    follow([open])
    t.equal(await statusOf(socket, GET.replace('public', 'other')), 403, 'and back')
    t.equal(await statusOf(socket), 200)
    socket.destroy()

    follow([PUBLIC])
    const secured = await meshConnection(place(8080), web, 'http/1.1')
    t.equal(await statusOf(secured), 200)
    follow([PUBLIC], bytes)
    t.equal(await statusOf(secured), 403, 'mutual TLS with a protocol that the port has not')
    secured.destroy()
  })

  t.test('a port that serves requests by now ends connections of bytes', async (t) => {
    const object = allow('web', [from(WEB)])
    follow([object])
    const socket = await meshConnection(place(5432), web, ALPN_TCP)
    socket.write('\x00bytes')
    await once(socket, 'data')
    t.equal(application.connections, 1)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    follow([object, deny('paths', [to({ paths: ['/admin'] })])], worldWith(5432, 'http'))
    await closed
    t.pass('nobody decides on bytes by rules of requests')
  })

  t.test('a policy that comes while a token is verified holds for the request that shows it', async (t) => {
    const { subtle } = globalThis.crypto
    const verify = subtle.verify.bind(subtle)
    const begun = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    t.intercept(subtle, 'verify', {
      value: async (...args: Parameters<typeof verify>) => {
        begun.resolve()
        await gate.promise
        return verify(...args)
      },
    })
    const key = ecKey('one')
    const issuer = 'https://issuer.example'
    const users = {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'RequestAuthentication',
      metadata: { name: 'users', namespace: 'payments' },
      spec: { jwtRules: [{ issuer, jwks: JSON.stringify({ keys: [key.jwk] }) }] },
    }
    const alice = allow('alice', [from({ requestPrincipals: [`${issuer}/alice`] })])
    const token = signed(key, { iss: issuer, sub: 'alice', exp: Date.now() / 1000 + 600 }, { alg: 'ES256' })
    const request = GET.replace('\r\n\r\n', `\r\nauthorization: Bearer ${token}\r\n\r\n`)
    follow([alice], undefined, [users])
    const answer = statusOf(await plainConnection(place(8080)), request)
    await begun.promise
    follow([alice, deny('all', [{}])], undefined, [users])
    gate.resolve()
    t.equal(await answer, 403)
    t.same(application.requests, [])
    follow([alice], undefined, [users])
    t.equal(await statusOf(await plainConnection(place(8080)), request), 200, 'and else it passes')
  })

  for (const [family, host] of Object.entries(HOSTS)) {
    const at = { host, port: 8080 + CAPTURED }

    t.test(`a policy that comes while the application takes no connection, by ${family}`, async (t) => {
      const answerOf = async () => statusOf(await meshConnection(at, web, 'http/1.1'))
      for (const [what, before, after, expected] of [
        ['that refuses', [PUBLIC], [PUBLIC, deny('all', [{}])], 403],
        ['that takes back what let in', [PUBLIC], [allow('none')], 403],
        ['that a default closes', [], [meshPolicy({ authorization: { default: 'Deny' } })], 403],
        [
          'that refuses others',
          [PUBLIC],
          [PUBLIC, deny('others', [from({ notServiceAccounts: ['shop/web'] })])],
          200,
        ],
      ] as const) {
        follow(before)
        const release = holdConnections(host, 8080)
        await noneConnectedTo(host, 8080, () => {
          application.drop()
          six.drop()
        })
        const answer = answerOf()
        await waitingTo(host, 8080)
        follow(after)
        // Whoever is refused is told before the application could take anything.
        if (expected === 403) t.equal(await answer, 403, what)
        release()
        t.equal(await answer, expected, what)
        await noneWaitsTo(host, 8080)
        t.equal(application.requests.splice(0).length, expected === 200 ? 1 : 0, what)
      }
      // A connection that was asked for by who was refused may come about, and carries nothing of it.
      follow([PUBLIC])
      t.equal(await answerOf(), 200)
      t.same(application.requests, ['GET /public/a HTTP/1.1'])
    })

    t.test(
      `an address that another pod has by now brings nothing of the first along, by ${family}`,
      async (t) => {
        follow([PUBLIC])
        const localAddress = family === 'IPv4' ? '10.2.0.99' : 'fd00:2::2:99'
        const first = await meshConnection({ ...at, localAddress }, web, 'http/1.1')
        t.equal(await statusOf(first), 200)
        const other = secretsFor(root, 'spiffe://cluster.local/ns/other/sa/cron')
        const second = await meshConnection({ ...at, localAddress }, other, 'http/1.1')
        t.equal(await statusOf(second), 403, 'while the connection of the first is open')
        first.destroy()
        t.equal(await statusOf(second), 403)
        const plain = await plainConnection({ ...at, localAddress })
        t.equal(await statusOf(plain), 403, 'in plaintext it is nobody')
        t.equal(application.requests.length, 1)
        for (const socket of [second, plain]) socket.destroy()
      },
    )
  }

  t.test('who dials port 15006 itself gets nothing, by mutual TLS neither', async (t) => {
    const pod = { ...PAY, address: '10.1.0.77', ports: [15006] }
    const behind = await Application.listen(t, '127.0.0.1', [15006, 8080])
    const dialled = await ServingSidecar.start(t, root, pod, [pod.address], 0)
    for (const objects of [[], [PUBLIC], [allow('web', [from(WEB)])]]) {
      dialled.follow(viewOf(objects))
      const dial = async (connected: Promise<Socket>): Promise<unknown> => {
        try {
          return await statusOf(await connected)
        } catch (error) {
          return (error as NodeJS.ErrnoException).code
        }
      }
      const to = { host: pod.address, port: 15006 }
      for (const connected of [
        plainConnection(to),
        meshConnection(to, web, 'http/1.1'),
        meshConnection(to, web, ALPN_TCP),
      ])
        t.ok([0, 'ECONNRESET'].includes((await dial(connected)) as number))
    }
    t.same(behind.requests, [])
    t.equal(behind.connections, 0)
  })
})
