import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createRoot } from '../../certs/authority.ts'
import { formatSpiffeBundle } from '../../certs/spiffe-bundle.ts'
import { trustBundle } from '../../certs/trust-bundle.ts'
import { ManualClock } from '../../core/clock.ts'
import { createLogger, silentLogger } from '../../core/log.ts'
import { federatedBundles } from './federated-bundles.ts'
import { readBundleSources } from './sources.ts'

const PARTNER = 'partner.example'
const root = () => createRoot(PARTNER, Date.now()).certificate
const settle = () => new Promise((resolve) => setImmediate(resolve))
const document = (certificate = root(), sequence = 1) =>
  JSON.stringify({
    ...formatSpiffeBundle(trustBundle([certificate], 'test'), 60_000),
    spiffe_sequence: sequence,
  })

t.test('where bundles come from', (t) => {
  t.strictSame(
    readBundleSources(
      ['a.example=/etc/a.pem', 'b.example=https://b.example/bundle'],
      ['cluster.local'],
      '--x',
    ),
    [
      { trustDomain: 'a.example', from: { kind: 'file', path: '/etc/a.pem' } },
      { trustDomain: 'b.example', from: { kind: 'url', url: 'https://b.example/bundle' } },
    ],
  )
  const wrong: readonly (readonly [texts: readonly string[], message: RegExp])[] = [
    [['a.example'], /must be DOMAIN=FILE/],
    [['=a'], /must be DOMAIN=FILE/],
    [['A=/a'], /not a trust domain/],
    [['cluster.local=/a'], /own trust domain/],
    [['a=/a', 'a=/b'], /names a twice/],
    [['a=http://a.example/bundle'], /must begin with https/],
    [['a=ftp://a.example/bundle'], /must begin with https/],
    [Array.from({ length: 17 }, (_, i) => `d${i}=/a`), /16 times at most/],
  ]
  for (const [texts, message] of wrong)
    t.throws(() => readBundleSources(texts, ['cluster.local'], '--x'), { message }, String(texts[0]))
  t.end()
})

t.test('the last good bundle stays, whatever comes later', async (t) => {
  const clock = new ManualClock(0)
  const lines: string[] = []
  let answer: () => string = () => {
    throw new Error('away')
  }
  const { bundles, close } = federatedBundles({
    sources: [{ trustDomain: PARTNER, from: { kind: 'url', url: 'https://partner.example/' } }],
    log: createLogger('t', 'info', (line) => lines.push(line)),
    clock,
    random: () => 0.5,
    get: async () => answer(),
  })
  const after = async (ms: number) => {
    clock.advance(ms)
    await settle()
    await settle()
  }
  await settle()
  t.strictSame(bundles.value, { [PARTNER]: '' }, 'known to be federated, and not had yet')
  t.match(lines.join(), /refused until it is there.*away/)
  const first = root()
  answer = () => document(first, 5)
  await after(30_000)
  t.equal(bundles.value[PARTNER], first.toString())
  for (const bad of ['', '{}', document(root(), 4), 'x'.repeat(10)]) {
    answer = () => bad
    await after(60_000)
    t.equal(bundles.value[PARTNER], first.toString(), `kept after ${bad.slice(0, 10)}`)
  }
  t.match(lines.join(), /went back from 5 to 4/)
  const second = root()
  answer = () => document(second, 6)
  await after(60_000)
  t.equal(bundles.value[PARTNER], second.toString())
  close()
  t.equal(clock.pending, 0)
})

t.test('from a file, and over HTTP with limits', async (t) => {
  const file = join(t.testdir({}), 'bundle.pem')
  const clock = new ManualClock(0)
  const pem = root().toString()
  writeFileSync(file, pem)
  let large = false
  const server = createServer((_, response) => response.end(large ? 'x'.repeat(300_000) : document())).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const open = (texts: readonly string[]) => {
    const federation = federatedBundles({
      sources: readBundleSources(texts, [], '--x'),
      log: silentLogger,
      clock,
    })
    t.teardown(() => federation.close())
    return federation.bundles
  }
  const fromFile = open([`${PARTNER}=${file}`])
  await settle()
  t.equal(fromFile.value[PARTNER], pem)
  writeFileSync(file, document())
  clock.advance(5000)
  await settle()
  t.not(fromFile.value[PARTNER], pem, 'a SPIFFE bundle as well')

  const fromUrl = open([`${PARTNER}=${url}`])
  await new Promise<void>((resolve) => fromUrl.watch(() => resolve()))
  t.match(fromUrl.value[PARTNER], /BEGIN CERTIFICATE/)
  large = true
  const told: string[] = []
  const limited = federatedBundles({
    sources: readBundleSources([`${PARTNER}=${url}`], [], '--x'),
    log: createLogger('t', 'warn', (line) => told.push(line)),
    clock,
  })
  t.teardown(() => limited.close())
  while (told.length === 0) await settle()
  t.match(told.join(), /more than 262144 bytes/)
})
