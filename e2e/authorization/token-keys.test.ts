import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { addressRule } from '../../control-plane/jwks/allowed-address.ts'
import { jsonFetcher } from '../../control-plane/jwks/fetch-json.ts'
import { keepInDirectory, keptInDirectory } from '../../control-plane/jwks/kept-keys-file.ts'
import { keyStore } from '../../control-plane/jwks/key-store.ts'
import { createMesh } from '../../control-plane/mesh.ts'
import { sourceKey, type FetchedKeys } from '../../control-plane/model/token-rule.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { ManualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { ecKey, rsaKey, signed, type IssuerKey } from '../../proxy/steps/testing/tokens.ts'
import { newRoot } from '../../proxy/testing/mesh-identity.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { addAddresses } from './addresses-of-world.ts'
import { Application } from './application.ts'
import { plainConnection } from './calling.ts'
import { IssuerServer, type IssuerAnswer } from './issuer-server.ts'
import { CAPTURED, ServingSidecar } from './serving-sidecar.ts'
import { PODS, worldManifests } from './world.ts'

// Keys of an issuer on their way: from its server by the control plane to a sidecar, while requests run.

const PAY = PODS['pay']
if (!PAY) throw new Error('world.ts has no pod pay')
const ISSUER = 'https://issuer.example'
const HOUR_MS = 3_600_000
const CALLERS = 8

inOwnNamespace(t, import.meta.filename, () => {
  let sidecar: ServingSidecar
  const place = { host: PAY.address, port: 8080 + CAPTURED }

  t.before(async () => {
    addAddresses()
    const test = t as unknown as Test
    await Application.listen(test, PAY.address, PAY.ports)
    sidecar = await ServingSidecar.start(test, newRoot(), PAY)
  })

  /** A control plane whose sidecar has all that it says; it keeps keys in this directory. */
  function start(issuer: IssuerServer, directory: string) {
    const clock = new ManualClock()
    const fetcher = jsonFetcher({ allowed: addressRule(['127.0.0.0/8']), http: true })
    const kept = keptInDirectory(directory)
    const keys = keyStore({ fetch: fetcher.fetch, log: silentLogger, clock, kept, random: () => 0.5 })
    const policy = {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'RequestAuthentication',
      metadata: { name: 'users', namespace: 'payments' },
      spec: { jwtRules: [{ issuer: ISSUER, jwksUri: issuer.url, timeout: '100ms' }] },
    }
    const mesh = createMesh({
      source: MemorySource.of(...worldManifests(), JSON.stringify(policy)),
      trustDomain: 'cluster.local',
      log: silentLogger,
      keys,
    })
    mesh.snapshot.watch((view) => sidecar.follow(view))
    const stopKeeping = keepInDirectory(directory, keys.keys, silentLogger)
    const source = sourceKey({ kind: 'uri', url: issuer.url })
    const known = (): FetchedKeys | undefined => keys.keys.value.get(source)
    return {
      known,
      /** As a start waits for keys. */
      ready: async () => {
        await keys.settled(HOUR_MS)
        sidecar.follow(mesh.snapshot.value)
      },
      /** Has it ask again, until what it knows is so. */
      until: async (holds: (now: FetchedKeys | undefined) => boolean) => {
        while (!holds(known())) {
          clock.advance(HOUR_MS)
          await new Promise((resolve) => setImmediate(resolve))
        }
      },
      stop: async () => {
        stopKeeping()
        mesh.close()
        keys.close()
        await fetcher.close()
      },
    }
  }

  let user = 0
  const tokenOf = (key: IssuerKey): string =>
    signed(
      key,
      { iss: ISSUER, sub: `user-${user++}`, exp: Math.floor(Date.now() / 1000) + 3600 },
      { alg: key.jwk['kty'] === 'RSA' ? 'RS256' : 'ES256' },
    )

  /** The status of a request with this token, on a connection that stays. */
  async function ask(socket: Socket, token: string): Promise<number> {
    socket.write(`GET / HTTP/1.1\r\nhost: pay.payments\r\nauthorization: Bearer ${token}\r\n\r\n`)
    let came = ''
    for (;;) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      came += chunk.toString('latin1')
      const head = came.indexOf('\r\n\r\n')
      if (head < 0) continue
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(came)?.[1] ?? 0)
      if (came.length >= head + 4 + length) return Number(came.slice(9, 12))
    }
  }

  async function statusOf(token: string): Promise<number> {
    const socket = await plainConnection(place)
    const status = await ask(socket, token)
    socket.destroy()
    return status
  }

  /** Callers that show a token each time that `tokenNow` gives, until they are told to stop; gives what they got. */
  function load(tokenNow: () => string) {
    const statuses = new Map<number, number>()
    const answered = Array.from({ length: CALLERS }, () => 0)
    const ended = new AbortController()
    const callers = answered.map(async (_, at) => {
      const socket = await plainConnection(place)
      while (!ended.signal.aborted) {
        const status = await ask(socket, tokenNow())
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        answered[at] = (answered[at] ?? 0) + 1
      }
      socket.destroy()
    })
    return {
      /** Until each caller was answered so many times more; what it asked before is over then. */
      more: async (each: number) => {
        const until = answered.map((count) => count + each)
        while (answered.some((count, at) => count < (until[at] ?? 0)))
          await new Promise((resolve) => setImmediate(resolve))
      },
      stop: async () => {
        ended.abort()
        await Promise.all(callers)
        return statuses
      },
    }
  }

  t.test('keys are rotated under load, and no valid token is refused', async (t) => {
    const issuer = await IssuerServer.start(t)
    const keys = [rsaKey('first'), ecKey('second'), rsaKey('third'), ecKey('fourth')]
    const jwks = (from: number, to: number): IssuerAnswer => ({
      kind: 'keys',
      keys: keys.slice(from, to + 1).map(({ jwk }) => jwk),
    })
    issuer.answer = jwks(0, 0)
    const plane = start(issuer, t.testdir({}))
    await plane.ready()
    await plane.until((now) => now?.text !== undefined)
    let signs = keys[0] as IssuerKey
    const calls = load(() => tokenOf(signs))
    const tokens: string[] = []
    for (let at = 1; at < keys.length; at++) {
      await calls.more(25)
      tokens.push(tokenOf(signs))
      // As an issuer has to: the new one is published, then signs, and the old one goes.
      issuer.answer = jwks(at - 1, at)
      await plane.until((now) => now?.text?.includes(`"${keys[at]?.id}"`) === true)
      await calls.more(12)
      t.equal(await statusOf(tokens.at(-1) ?? ''), 200, 'both verify')
      signs = keys[at] as IssuerKey
      await calls.more(12)
      issuer.answer = jwks(at, at)
      await plane.until((now) => now?.text?.includes(`"${keys[at - 1]?.id}"`) === false)
      t.equal(await statusOf(tokens.at(-1) ?? ''), 401, 'of the old one, known ones neither')
    }
    await calls.more(25)
    const statuses = await calls.stop()
    t.same([...statuses.keys()], [200], `${statuses.get(200)} requests`)
    t.equal(await statusOf(tokenOf(keys[0] as IssuerKey)), 401)
    await plane.stop()
  })

  t.test('what an issuer cannot say keeps the last good keys, over a restart, too', async (t) => {
    const issuer = await IssuerServer.start(t)
    const [key, next] = [ecKey('one'), ecKey('two')]
    const directory = t.testdir({})
    issuer.answer = { kind: 'keys', keys: [key.jwk] }
    let plane = start(issuer, directory)
    await plane.ready()
    await plane.until((now) => now?.text !== undefined)
    const calls = load(() => tokenOf(key))
    const text = (status: number, text: string): IssuerAnswer => ({ kind: 'text', status, text })
    for (const [what, answer, message] of [
      ['an error', text(503, 'busy'), /the answer is 503/],
      ['garbage', text(200, '<html>'), /must be a JWK Set/],
      ['no key', text(200, '{"keys":[]}'), /no key that verifies/],
      [
        'too long',
        text(200, JSON.stringify({ keys: [next.jwk], x: 'x'.repeat(70_000) })),
        /more than 65536 bytes/,
      ],
      ['never', { kind: 'silent' }, /no answer within 0\.1 s/],
      [
        'a private key',
        text(200, JSON.stringify({ keys: [next.privateKey.export({ format: 'jwk' })] })),
        /secret member/,
      ],
    ] as const) {
      issuer.answer = answer
      await plane.until((now) => message.test(now?.problem?.message ?? ''))
      await calls.more(3)
      t.match(plane.known()?.text, /"one"/, what)
    }
    issuer.close()
    await plane.until((now) => /ECONNREFUSED/.test(now?.problem?.message ?? ''))
    await calls.more(6)
    await plane.stop()

    plane = start(issuer, directory)
    await plane.ready()
    t.match(plane.known(), { text: /"one"/, problem: { message: /./ } }, 'started without the issuer')
    await calls.more(6)
    t.equal(await statusOf(tokenOf(next)), 401)
    issuer.answer = { kind: 'keys', keys: [key.jwk, next.jwk] }
    await issuer.listen()
    await plane.until((now) => now?.problem === undefined)
    t.equal(await statusOf(tokenOf(next)), 200, 'and on it goes')
    t.same([...(await calls.stop()).keys()], [200])
    await plane.stop()
  })
})
