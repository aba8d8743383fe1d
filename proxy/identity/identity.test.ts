import { createPublicKey, X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createIssuing, createRoot, issueWorkload, type CaCredentials } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { parseTrustBundle, trustBundle } from '../../certs/trust-bundle.ts'
import { ManualClock } from '../../core/clock.ts'
import { WeftError } from '../../core/errors.ts'
import { createLogger } from '../../core/log.ts'
import { createIdentity, type IdentityOptions } from './identity.ts'
import type { SecretParts } from './read-secrets.ts'
import type { Secrets } from './secrets.ts'

const START = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

/** A control plane in the same process, on the test's clock. */
function setUp(t: Test, start = START) {
  const directory = t.testdir({})
  const clock = new ManualClock(start)
  const root = createRoot('cluster.local', clock.now())
  const control = {
    root,
    issuing: createIssuing(root, 'cluster.local', clock.now()),
    trusted: [root],
    spiffeId: WEB,
    failure: undefined as WeftError | undefined,
    calls: 0,
    /** How far its clock is ahead of the sidecar's. */
    aheadMs: 0,
    lifeMs: 24 * HOUR,
    change: (parts: SecretParts): SecretParts => parts,
  }
  const request = async (): Promise<SecretParts> => {
    control.calls++
    if (control.failure) throw control.failure
    const key = generateKey()
    const publicKey = createPublicKey(key)
    const { chain } = issueWorkload(control.issuing, {
      spiffeId: control.spiffeId,
      publicKey,
      now: clock.now() + control.aheadMs,
      lifeMs: control.lifeMs,
    })
    const bundle = trustBundle(
      control.trusted.map((ca) => ca.certificate),
      'test',
    )
    return control.change({ chain, key, privateKeyPem: privateKeyPem(key), bundle })
  }
  const roots = join(directory, 'roots.pem')
  writeFileSync(roots, root.certificate.toString())
  const lines: string[] = []
  const open = (more: Partial<IdentityOptions> = {}) => {
    const identity = createIdentity({
      address: '127.0.0.1:1',
      serverName: 'control-plane',
      tokenPath: join(directory, 'token'),
      caBundlePath: roots,
      stateDir: join(directory, 'state'),
      trustDomain: 'cluster.local',
      log: createLogger('identity', 'debug', (line) => lines.push(line)),
      clock,
      random: () => 0.5,
      request,
      ...more,
    })
    t.teardown(() => identity.close())
    return identity
  }
  return { directory, clock, control, open, lines, roots, state: join(directory, 'state', 'identity.json') }
}

/** Lets the promises of a signing settle: nothing in it waits for the outside. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
const present = (secrets: Secrets | undefined): Secrets => {
  if (!secrets) throw new Error('no secrets')
  return secrets
}
const serial = (secrets: Secrets | undefined) =>
  new X509Certificate(present(secrets).certificatePem).serialNumber

t.test('the first certificate, kept in a file of mode 0600', async (t) => {
  const { open, state, clock } = setUp(t)
  const identity = open()
  t.equal(identity.secrets.value, undefined)
  identity.start()
  await settle()
  const secrets = present(identity.secrets.value)
  t.equal(secrets.spiffeId, WEB)
  t.equal(secrets.notAfter, clock.now() + 24 * HOUR)
  t.equal(statSync(state).mode & 0o777, 0o600)
  t.same(readdirSync(join(state, '..')), ['identity.json'])
})

t.test('renewed at half-life, with a new key, again and again', async (t) => {
  const { open, clock, control } = setUp(t)
  const identity = open()
  identity.start()
  await settle()
  for (let round = 1; round <= 5; round++) {
    const before = present(identity.secrets.value)
    clock.advance((before.notBefore + before.notAfter) / 2 - clock.now() - 1)
    await settle()
    t.equal(control.calls, round)
    clock.advance(1)
    await settle()
    t.equal(control.calls, round + 1)
    const after = present(identity.secrets.value)
    t.not(after.privateKeyPem, before.privateKeyPem)
    t.not(after.certificatePem, before.certificatePem)
  }
})

t.test('jitter moves the moment by a tenth of the life', async (t) => {
  for (const [random, hours] of [
    [0, 9.6],
    [0.999, 14.4],
  ] as const) {
    const { open, clock, control } = setUp(t)
    open({ random: () => random }).start()
    await settle()
    clock.advance((hours - 0.2) * HOUR)
    await settle()
    t.equal(control.calls, 1)
    clock.advance(0.2 * HOUR)
    await settle()
    t.equal(control.calls, 2, `${hours} h`)
  }
})

t.test('an outage is waited for with the present certificate, and logged when that ends', async (t) => {
  const { open, clock, control, lines } = setUp(t)
  const identity = open()
  identity.start()
  await settle()
  const first = serial(identity.secrets.value)
  control.failure = new WeftError('identity.unreachable', 'nobody there')
  clock.advance(13 * HOUR)
  for (let i = 0; i < 20; i++) {
    await settle()
    clock.advance(10_000)
  }
  t.ok(control.calls > 15, 'asked again, at most 10 s apart')
  t.equal(serial(identity.secrets.value), first)
  t.ok(lines.some((line) => /the present one goes on.*nobody there/.test(line)))
  t.notOk(lines.some((line) => line.includes('has expired')))
  clock.advance(12 * HOUR)
  await settle()
  clock.advance(10_000)
  await settle()
  t.ok(lines.some((line) => line.includes('"error"') && line.includes('has expired')))
  t.equal(serial(identity.secrets.value), first, 'stays rather than leaving no TLS at all')
  control.failure = undefined
  clock.advance(10_000)
  await settle()
  t.not(serial(identity.secrets.value), first)
})

t.test('a restarted process serves at once, without the control plane', async (t) => {
  const { open, clock, control } = setUp(t)
  const first = open()
  first.start()
  await settle()
  first.close()
  control.failure = new WeftError('identity.unreachable', 'nobody there')
  clock.advance(HOUR)
  const second = open()
  second.start()
  t.same(second.secrets.value, first.secrets.value, 'in the same turn')
  await settle()
  t.equal(control.calls, 1, 'and it is not due yet')
  control.failure = undefined
  clock.advance(11 * HOUR)
  await settle()
  t.equal(control.calls, 2, 'renewed when the first process would have')
})

t.test('a kept certificate that may not be used is left aside', async (t) => {
  const first = setUp(t)
  const made = first.open()
  made.start()
  await settle()
  made.close()
  const good = JSON.parse(readFileSync(first.state, 'utf8')) as Record<string, unknown>
  const otherRoot = createRoot('cluster.local', START)
  const foreignKey = privateKeyPem(generateKey())
  const cases: [
    name: string,
    text: string,
    reason: RegExp,
    options?: Partial<IdentityOptions>,
    hours?: number,
  ][] = [
    ['empty', '', /identity\.json is damaged/],
    ['cut', JSON.stringify(good).slice(0, 200), /identity\.json is damaged/],
    ['not an object', 'null', /identity\.json is damaged/],
    ['another version', JSON.stringify({ ...good, version: 9 }), /identity\.json is damaged/],
    ['no bundle', JSON.stringify({ ...good, bundlePem: '' }), /identity\.json holds no certificate/],
    ['damaged key', JSON.stringify({ ...good, privateKeyPem: 'x' }), /private key cannot be read/],
    ['key of another', JSON.stringify({ ...good, privateKeyPem: foreignKey }), /not for the private key/],
    [
      'chain to nowhere',
      JSON.stringify({ ...good, bundlePem: otherRoot.certificate.toString() }),
      /leads to no root of the trust bundle/,
    ],
    ['expired', JSON.stringify(good), /expired at 2026-01-02/, {}, 24],
    [
      'identity of another',
      JSON.stringify(good),
      /this is spiffe.*admin/,
      { spiffeId: WEB.replace('web', 'admin') },
    ],
  ]
  for (const [name, text, reason, options, hours] of cases) {
    const { open, lines, state, control, clock } = setUp(t)
    mkdirSync(join(state, '..'), { recursive: true })
    writeFileSync(state, text)
    clock.advance((hours ?? 0) * HOUR)
    if (options?.spiffeId) control.spiffeId = options.spiffeId
    const identity = open(options)
    identity.start()
    t.equal(identity.secrets.value, undefined, name)
    t.match(lines[0], reason)
    t.notOk(lines.join().includes(foreignKey.split('\n')[1] as string), 'no key in the log')
    await settle()
    t.ok(identity.secrets.value, `${name}: and a new one is signed`)
  }
})

t.test('an answer that does not fit is refused, and the present certificate stays', async (t) => {
  const { open, clock, control, lines } = setUp(t)
  const identity = open({ spiffeId: WEB })
  identity.start()
  await settle()
  const first = serial(identity.secrets.value)
  const stranger = createRoot('cluster.local', START)
  const cases: [code: string, change: (parts: SecretParts) => SecretParts][] = [
    ['identity.key_mismatch', (parts) => ({ ...parts, key: generateKey() })],
    ['identity.untrusted', (parts) => ({ ...parts, bundle: trustBundle([stranger.certificate], 'test') })],
    ['identity.untrusted', (parts) => ({ ...parts, chain: parts.chain.slice(0, 1) })],
    ['identity.unusable', (parts) => ({ ...parts, chain: [] })],
  ]
  clock.advance(12 * HOUR)
  await settle()
  for (const [code, change] of cases) {
    const before = serial(identity.secrets.value)
    control.change = change
    lines.length = 0
    clock.advance(13 * HOUR)
    await settle()
    t.ok(
      lines.some((line) => line.includes(code)),
      code,
    )
    t.equal(serial(identity.secrets.value), before)
    control.change = (parts) => parts
    clock.advance(10_000)
    await settle()
    t.not(serial(identity.secrets.value), before)
  }
  control.spiffeId = 'spiffe://other.example/ns/shop/sa/web'
  lines.length = 0
  clock.advance(13 * HOUR)
  await settle()
  t.match(lines.join(), /not of trust domain cluster\.local/)
  t.not(serial(identity.secrets.value), first)
})

const MINUTE = 60_000

/** By the clock of a sidecar. */
function askedIn(ms: number, { clock, control }: ReturnType<typeof setUp>): Promise<number> {
  const before = control.calls
  const step = async (left: number): Promise<number> => {
    if (left === 0) return control.calls - before
    clock.advance(1000)
    await settle()
    return step(left - 1000)
  }
  return step(ms)
}

t.test(
  'a clock that is 5 minutes behind or ahead: leaves of a day, and of an hour, do as ever',
  async (t) => {
    for (const hours of [24, 1])
      for (const aheadMs of [5 * MINUTE, -5 * MINUTE]) {
        const what = `${hours} h, the control plane ahead by ${aheadMs} ms`
        // The roots of a mesh are older than that.
        const set = setUp(t)
        set.clock.advance(HOUR)
        Object.assign(set.control, { aheadMs, lifeMs: hours * HOUR })
        const identity = set.open()
        identity.start()
        await settle()
        t.equal(identity.secrets.value !== undefined, true, what)
        t.notOk(
          set.lines.some((line) => line.includes('"warn"')),
          what,
        )
        t.equal(await askedIn(10 * MINUTE, set), 0, `${what}: not asked again`)
      }
  },
)

t.test(
  'leaves of a minute are of no use to such a clock, which is said, and asked for without haste',
  async (t) => {
    for (const [aheadMs, why] of [
      [
        5 * MINUTE,
        /no certificate yet.*valid only from 2026-01-01T01:04:54\.000Z, and the clock here says 2026-01-01T01:00:00\.000Z/,
      ],
      [
        -5 * MINUTE,
        /no certificate yet.*expired at 2026-01-01T00:56:00\.000Z, and the clock here says 2026-01-01T01:00:00\.000Z/,
      ],
    ] as const) {
      const set = setUp(t)
      set.clock.advance(HOUR)
      Object.assign(set.control, { aheadMs, lifeMs: MINUTE })
      const identity = set.open()
      identity.start()
      await settle()
      t.match(set.lines[0], why)
      t.equal(identity.secrets.value, undefined)
      const asked = await askedIn(10 * MINUTE, set)
      t.ok(asked >= 60 && asked < 150, `${asked} times in ten minutes`)
      // Whoever sets the clock right has a certificate.
      set.control.aheadMs = 0
      await askedIn(10_000, set)
      t.ok(identity.secrets.value)
    }
  },
)

t.test('a clock that is ahead by half of a life says so, and does not ask without a pause', async (t) => {
  const set = setUp(t)
  set.clock.advance(HOUR)
  Object.assign(set.control, { aheadMs: -5 * MINUTE, lifeMs: 9 * MINUTE })
  const identity = set.open()
  identity.start()
  await settle()
  t.ok(identity.secrets.value)
  t.match(
    set.lines.join(),
    /"warn".*past half of its life: the clock here is ahead.*"clock":"2026-01-01T01:00:00.000Z"/,
  )
  // Four minutes are left of each, of which two are waited for.
  t.equal(await askedIn(10 * MINUTE, set), 5)
})

t.test('a root is rotated without a restart', async (t) => {
  const { open, clock, control, roots, state } = setUp(t)
  const identity = open()
  identity.start()
  await settle()
  const old = control.root
  const next = createRoot('cluster.local', clock.now())
  const pem = (...cas: CaCredentials[]) => cas.map((ca) => ca.certificate.toString()).join('')
  const bundle = () => parseTrustBundle(present(identity.secrets.value).bundlePem, 'test').roots.length

  writeFileSync(roots, pem(old, next))
  control.trusted = [old, next]
  const before = serial(identity.secrets.value)
  clock.advance(10_000)
  t.equal(bundle(), 2, 'the new root is trusted as soon as it is seen')
  t.equal(
    serial(identity.secrets.value),
    before,
    'the certificate is not asked for in the same moment everywhere',
  )
  t.match(readFileSync(state, 'utf8'), new RegExp(next.certificate.toString().split('\n')[3] as string))
  clock.advance(5_000)
  await settle()
  t.not(serial(identity.secrets.value), before, 'but soon')

  control.issuing = createIssuing(next, 'cluster.local', clock.now())
  control.trusted = [next, old]
  writeFileSync(roots, pem(next, old))
  const ofOld = serial(identity.secrets.value)
  clock.advance(20_000)
  await settle()
  const ofNext = serial(identity.secrets.value)
  t.not(
    ofNext,
    ofOld,
    'once another root signs it has a certificate of that, long before the old one is retired',
  )
  clock.advance(20_000)
  await settle()
  t.equal(serial(identity.secrets.value), ofNext, 'once')
  control.trusted = [next]
  writeFileSync(roots, pem(next))
  clock.advance(10_000)
  t.equal(bundle(), 2, 'an old root is dropped only with the next certificate')
  clock.advance(5_000)
  await settle()
  t.equal(bundle(), 1)
  const [, issuing] = present(identity.secrets.value).certificatePem.split(/(?<=-----END CERTIFICATE-----\n)/)
  t.ok(new X509Certificate(issuing as string).checkIssued(next.certificate))

  writeFileSync(roots, 'garbage')
  clock.advance(10_000)
  t.equal(bundle(), 1, 'a damaged bundle changes nothing')
})

t.test('nothing happens after close', async (t) => {
  const { open, clock, control } = setUp(t)
  const identity = open()
  identity.start()
  identity.close()
  await settle()
  t.equal(identity.secrets.value, undefined)
  clock.advance(100 * HOUR)
  await settle()
  t.equal(control.calls, 1)
})

t.test('a state directory that cannot be written is logged, and the certificate is used', async (t) => {
  const { open, directory, lines } = setUp(t)
  writeFileSync(join(directory, 'file'), '')
  const identity = open({ stateDir: join(directory, 'file', 'state') })
  identity.start()
  await settle()
  t.ok(identity.secrets.value)
  t.ok(lines.some((line) => line.includes('could not be kept')))
})

t.test('options that cannot be right', async (t) => {
  const { open } = setUp(t)
  t.throws(() => open({ trustDomain: 'Cluster' }), { code: 'spiffe_id.trust_domain', field: 'trustDomain' })
  t.throws(() => open({ spiffeId: 'web' }), { code: 'spiffe_id.scheme', field: 'spiffeId' })
})
