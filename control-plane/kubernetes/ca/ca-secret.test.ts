import { createPublicKey } from 'node:crypto'
import t, { type Test } from 'tap'
import {
  createIssuing,
  createRoot,
  DAY,
  issueWorkload,
  type CaCredentials,
} from '../../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../../certs/key.ts'
import { ManualClock } from '../../../core/clock.ts'
import { createLogger } from '../../../core/log.ts'
import { FakeApi } from '../testing/fake-api.ts'
import { openCaSecret, type CaSecret, type CaSecretOptions } from './ca-secret.ts'

const SECRET = '/api/v1/namespaces/weft-system/secrets/weft-ca'
const BUNDLES = '/api/v1/namespaces/weft-system/configmaps'
const BUNDLE = `${BUNDLES}/weft-ca`

async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const clock = new ManualClock(Date.now())
  const lines: string[] = []
  const open = (change: Partial<CaSecretOptions> = {}) =>
    openCaSecret({
      connection: api.connect(t),
      namespace: 'weft-system',
      name: 'weft-ca',
      trustDomain: 'cluster.local',
      dnsNames: ['weft-control-plane.weft-system.svc'],
      log: createLogger('test', 'info', (line) => lines.push(line)),
      clock,
      ...change,
    })
  const data = () => (api.get(SECRET)?.['data'] ?? {}) as Record<string, string>
  const edit = (change: Record<string, string | undefined>) =>
    api.put(SECRET, {
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { name: 'weft-ca' },
      data: Object.fromEntries(
        Object.entries({ ...data(), ...change }).filter(([, value]) => value !== undefined),
      ),
    })
  return { api, clock, lines, open, data, edit }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const roots = ({ authority }: CaSecret) => authority.value.bundle.roots.map((root) => root.fingerprint256)
const issuing = ({ authority }: CaSecret) => authority.value.credentials.certificate.fingerprint256

t.test('it is made on first use, and is the same for whoever opens it next', async (t) => {
  const { api, open, data } = await setUp(t)
  const first = await open()
  t.strictSame(Object.keys(data()).sort(), ['issuing.pem', 'root.pem'])
  t.match(api.get(SECRET), { type: 'Opaque', kind: 'Secret' })
  const second = await open()
  t.strictSame(roots(second), roots(first))
  t.equal(issuing(second), issuing(first))
  t.strictSame(api.writes, [`POST ${SECRET}`], 'one write in all')
  await Promise.all([first.refresh(), second.refresh(), first.refresh()])
  t.equal(api.writes.length, 1, 'and none where nothing changed')
})

t.test('replicas that start at once end with one root', async (t) => {
  const { api, open } = await setUp(t)
  const racers = await Promise.all(Array.from({ length: 8 }, () => open()))
  t.equal(new Set(racers.flatMap(roots)).size, 1)
  t.equal(new Set(racers.map(issuing)).size, 1)
  t.strictSame(api.writes, [`POST ${SECRET}`])
})

t.test('an empty Secret that an installation made beforehand is filled, and other keys stay', async (t) => {
  const { api, open, data, edit } = await setUp(t)
  edit({ note: base64('mine') })
  const racers = await Promise.all([open(), open()])
  t.equal(new Set(racers.flatMap(roots)).size, 1)
  t.strictSame(Object.keys(data()).sort(), ['issuing.pem', 'note', 'root.pem'])
  t.strictSame(api.writes, [`PUT ${SECRET}`])
})

t.test('a rotation by one replica is followed by the others, and no step is lost to a race', async (t) => {
  const { open, clock } = await setUp(t)
  const [one, other] = await Promise.all([open(), open()])
  if (!one || !other) return
  const leaf = (ca: CaSecret) =>
    issueWorkload(ca.authority.value.credentials, {
      spiffeId: 'spiffe://cluster.local/ns/shop/sa/web',
      publicKey: createPublicKey(generateKey()),
      now: clock.now(),
    })
  const trusted = ({ chain }: ReturnType<typeof leaf>, ca: CaSecret) => {
    const top = chain[chain.length - 1]
    return ca.authority.value.bundle.roots.some(
      (root) => top?.checkIssued(root) && top.verify(root.publicKey),
    )
  }
  await t.rejects(one.promoteRoot(), {
    code: 'ca.no_next_root',
    message: /Secret weft-system\/weft-ca: next-root/,
  })
  const old = leaf(one)
  await Promise.all([one.prepareRoot(), other.prepareRoot(), one.prepareRoot()])
  await one.refresh()
  t.strictSame(roots(one), roots(other))
  t.equal(roots(one).length, 2)
  t.ok(trusted(leaf(one), other))
  await one.promoteRoot()
  t.ok(trusted(leaf(one), other), 'the other trusts it already')
  await other.refresh()
  t.equal(issuing(one), issuing(other))
  t.ok(trusted(old, other) && trusted(leaf(other), one))
  await other.retireRoots()
  await one.refresh()
  t.strictSame(roots(one), roots(other))
  t.equal(roots(one).length, 1)
  t.notOk(trusted(old, one))
})

t.test('the issuing CA is renewed once at half of its life, whoever sees it first', async (t) => {
  const { api, open, clock } = await setUp(t)
  const racers = await Promise.all([open(), open(), open()])
  const before = racers.map(issuing)
  clock.advance(190 * DAY)
  await Promise.all(racers.map((one) => one.refresh()))
  await Promise.all(racers.map((one) => one.refresh()))
  t.equal(new Set(racers.map(issuing)).size, 1)
  t.not(issuing(racers[0] as CaSecret), before[0])
  t.strictSame(api.writes, [`POST ${SECRET}`, `PUT ${SECRET}`])
})

t.test('what is damaged is named, never replaced, and what was read before signs on', async (t) => {
  const { api, open, edit, data } = await setUp(t)
  const running = await open()
  const before = running.authority.value
  const good = data()
  const damage: [change: Record<string, string | undefined>, code: string, message: RegExp][] = [
    [
      { 'root.pem': base64('x') },
      'ca.corrupt',
      /Secret weft-system\/weft-ca: root\.pem is damaged: it has no cert/,
    ],
    [
      { 'root.pem': undefined },
      'ca.corrupt',
      /root\.pem is damaged: it is gone, but .*issuing\.pem is there/,
    ],
    [{ 'issuing.pem': base64('x') }, 'ca.corrupt', /issuing\.pem is damaged/],
    [{ 'root.pem': '!!' }, 'ca.corrupt', /is no base64/],
    [{ 'old-roots.pem': base64('x') }, 'bundle.empty', /old-roots\.pem/],
    [{ 'tls.crt': base64('x') }, 'ca.corrupt', /holds two CAs/],
  ]
  for (const [change, code, message] of damage) {
    edit({ ...Object.fromEntries(Object.keys(data()).map((key) => [key, undefined])), ...good, ...change })
    const { resourceVersion } = api.get(SECRET)?.metadata ?? {}
    await t.rejects(open(), { code, message })
    await t.rejects(running.refresh(), { code, message })
    t.equal(running.authority.value, before)
    t.equal(api.get(SECRET)?.metadata.resourceVersion, resourceVersion)
  }
  await t.rejects(open({ trustDomain: 'other.example' }), { code: /ca\./ })
})

t.test(
  'a Secret that goes is written again by who knows it, and is no first use to a new replica',
  async (t) => {
    const { api, open, lines } = await setUp(t)
    const running = await open()
    api.put(BUNDLE, { data: { 'root-cert.pem': running.authority.value.bundle.pem } })
    api.remove(SECRET)
    await t.rejects(open(), {
      code: 'ca.corrupt',
      message: /is gone or empty, but ConfigMap .*Restore the Secret/,
    })
    t.equal(api.get(SECRET), undefined)
    await running.refresh()
    t.match(lines, [/the Secret of the CA was gone/])
    t.strictSame(roots(await open()), roots(running))
  },
)

t.test('the bundle of a replica that was faster is no reason to stop', async (t) => {
  const { api, open } = await setUp(t)
  let seen = 0
  api.hook = (asked) => {
    // Both are made by another replica between two questions of this one.
    if (asked === `GET ${BUNDLES}` && seen++ === 0) {
      const root = createRoot('cluster.local', Date.now())
      api.put(SECRET, { data: { 'root.pem': base64(privateKeyPem(root.key) + root.certificate.toString()) } })
      api.put(BUNDLE, { data: { 'root-cert.pem': root.certificate.toString() } })
    }
    return undefined
  }
  t.equal(roots(await open()).length, 1)
  t.equal(seen, 1)
})

t.test('a given CA is used, followed when it is renewed, and never written', async (t) => {
  const { api, open, lines } = await setUp(t)
  await t.rejects(open({ given: true }), {
    code: 'ca.missing',
    message: /is not there yet: its issuer must make it/,
  })
  const now = Date.now()
  const root = createRoot('cluster.local', now)
  const give = (ca: CaCredentials) =>
    api.put(SECRET, {
      type: 'kubernetes.io/tls',
      data: {
        'tls.crt': base64(ca.certificate.toString()),
        'tls.key': base64(privateKeyPem(ca.key)),
        'ca.crt': base64(root.certificate.toString()),
      },
    })
  const first = createIssuing(root, 'cluster.local', now)
  give(first)
  const running = await open()
  t.strictSame(roots(running), [root.certificate.fingerprint256])
  t.equal(issuing(running), first.certificate.fingerprint256)
  t.equal(running.authority.value.credentials.chain.length, 1)
  const second = createIssuing(root, 'cluster.local', now)
  give(second)
  await running.refresh()
  t.equal(issuing(running), second.certificate.fingerprint256)
  api.put(SECRET, { data: { 'tls.crt': base64('x'), 'tls.key': base64('y') } })
  await t.rejects(running.refresh(), {
    code: 'issuer.malformed',
    field: 'Secret weft-system/weft-ca: tls.crt',
  })
  t.equal(issuing(running), second.certificate.fingerprint256, 'what was good goes on')
  give(second)
  await t.rejects(running.prepareRoot(), { code: 'ca.given' })
  api.remove(SECRET)
  const given = await open({ given: true }).catch((error: unknown) => error)
  t.match(given, { code: 'ca.missing' })
  t.strictSame(api.writes, [])
  t.strictSame(lines, [])
})

t.test('a key is in no message', async (t) => {
  const { open, edit, data, lines } = await setUp(t)
  await open()
  const text = Buffer.from(data()['root.pem'] ?? '', 'base64').toString()
  const secret = text.split('\n')[1] ?? ''
  edit({ 'root.pem': base64(text.replace('END PRIVATE', 'END PRIVAT')) })
  const error = await open().catch((reason: unknown) => reason)
  const seen = JSON.stringify([String(error), (error as Error).stack, String((error as Error).cause), lines])
  t.notOk(seen.includes(secret.slice(4, 40)))
  t.match(seen, /damaged/)
})
