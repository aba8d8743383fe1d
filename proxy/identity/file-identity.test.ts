import { createPublicKey } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRoot, issueWorkload } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { ManualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { createFileIdentity } from './file-identity.ts'

const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

function setUp(t: Test) {
  const directory = t.testdir({})
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const root = createRoot('cluster.local', clock.now())
  const path = (name: string) => join(directory, name)
  const put = (name: string, text: string) => {
    writeFileSync(path(`${name}.new`), text)
    renameSync(path(`${name}.new`), path(name))
  }
  const issue = () => {
    const key = generateKey()
    const { chain } = issueWorkload(root, {
      spiffeId: WEB,
      publicKey: createPublicKey(key),
      now: clock.now(),
    })
    put('tls.key', privateKeyPem(key))
    put('tls.crt', certificatesPem(chain))
  }
  issue()
  put('ca.crt', root.certificate.toString())
  const lines: string[] = []
  const identity = createFileIdentity({
    certificatePath: path('tls.crt'),
    privateKeyPath: path('tls.key'),
    caPath: path('ca.crt'),
    trustDomain: 'cluster.local',
    log: createLogger('identity', 'debug', (line) => lines.push(line)),
    clock,
  })
  t.teardown(() => identity.close())
  return { identity, clock, issue, put, path, lines }
}

t.test('files are read at once and again when they change', async (t) => {
  const { identity, clock, issue, put, lines } = setUp(t)
  identity.start()
  const first = identity.secrets.value
  t.equal(first?.spiffeId, WEB)
  clock.advance(60_000)
  t.equal(identity.secrets.value, first)
  issue()
  clock.advance(10_000)
  const second = identity.secrets.value
  t.not(second?.certificatePem, first?.certificatePem)
  put('tls.key', privateKeyPem(generateKey()))
  clock.advance(10_000)
  t.equal(identity.secrets.value, second, 'key and certificate change one after the other')
  t.match(lines.at(-1), /not for the private key/)
  issue()
  clock.advance(10_000)
  t.not(identity.secrets.value, second)
})

t.test('what is wrong at the start is named', async (t) => {
  const cases: [name: string, change: (set: ReturnType<typeof setUp>) => void, message: RegExp][] = [
    ['certificate gone', ({ path }) => rmSync(path('tls.crt')), /tls\.crt is not there/],
    ['key gone', ({ path }) => rmSync(path('tls.key')), /tls\.key is not there/],
    ['roots gone', ({ path }) => rmSync(path('ca.crt')), /ca\.crt is not there/],
    ['damaged', ({ put }) => put('tls.crt', 'x'), /tls\.crt holds no certificate/],
    ['no key', ({ put }) => put('tls.key', 'x'), /tls\.key: the private key cannot be read/],
    ['expired', ({ clock }) => clock.advance(25 * 3_600_000), /expired at/],
    [
      'another root',
      ({ put, clock }) => put('ca.crt', createRoot('cluster.local', clock.now()).certificate.toString()),
      /leads to no root/,
    ],
  ]
  for (const [name, change, message] of cases) {
    const set = setUp(t)
    change(set)
    t.throws(() => set.identity.start(), { name: 'WeftError', message }, name)
  }
})
