import { createPublicKey } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ManualClock } from '../core/clock.ts'
import { DAY, issueWorkload } from './authority.ts'
import { openCaStore } from './ca-store.ts'
import { generateKey } from './key.ts'

const START = Date.UTC(2026, 0, 1)
const open = (directory: string, clock = new ManualClock(START)) =>
  openCaStore({ directory, trustDomain: 'cluster.local', clock })
const fingerprints = (store: ReturnType<typeof open>) =>
  store.authority.value.bundle.roots.map((root) => root.fingerprint256)

t.test('keys are in files of mode 0600 and survive a restart', async (t) => {
  const directory = join(t.testdir({}), 'made', 'here')
  const first = open(directory)
  t.same(readdirSync(directory).sort(), ['issuing.pem', 'root.pem'], 'no temporary file is left')
  for (const name of readdirSync(directory))
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  const second = open(directory)
  t.same(fingerprints(second), fingerprints(first))
  t.equal(
    second.authority.value.credentials.certificate.fingerprint256,
    first.authority.value.credentials.certificate.fingerprint256,
  )
})

t.test('processes that race end with one root', async (t) => {
  const directory = t.testdir({})
  const program = `
    import { openCaStore } from ${JSON.stringify(new URL('./ca-store.ts', import.meta.url).href)}
    process.stdin.once('data', () => {
      const { bundle, credentials } = openCaStore({ directory: process.argv[1], trustDomain: 'cluster.local' }).authority.value
      console.log(bundle.roots.map((root) => root.fingerprint256).join() + credentials.certificate.fingerprint256)
      process.exit()
    })
    console.log('ready')`
  const racers = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', program, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  )
  await Promise.all(racers.map((racer) => once(racer.stdout, 'data')))
  const answers = racers.map((racer) =>
    Promise.race([once(racer.stdout, 'data'), once(racer, 'close').then(() => ['ended without an answer'])]),
  )
  for (const racer of racers) racer.stdin.write('go\n')
  const roots = (await Promise.all(answers)).map(([line]) => String(line))
  t.equal(new Set(roots).size, 1, roots.join(' '))
  t.same(readdirSync(directory).sort(), ['issuing.pem', 'root.pem'])
})

t.test('who loses the race for the root issues nothing below its own', async (t) => {
  const [winners, directory] = [join(t.testdir({}), 'winners'), join(t.testdirName, 'shared')]
  const root = open(winners).authority.value.bundle.pem
  let looks = 0
  class RacingClock extends ManualClock {
    // Asked between a look at the directory and the writing.
    override now(): number {
      if (++looks === 1) cpSync(join(winners, 'root.pem'), join(directory, 'root.pem'))
      if (looks === 2)
        t.notOk(existsSync(join(directory, 'issuing.pem')), 'for others would have to replace it')
      return super.now()
    }
  }
  const loser = open(directory, new RacingClock(START))
  t.equal(loser.authority.value.bundle.pem, root)
  t.ok(looks >= 2)
})

t.test('a damaged file is named and never replaced', async (t) => {
  const damage: [name: string, change: (text: string) => string, message: RegExp][] = [
    ['root.pem', () => '', /root\.pem is damaged: it has no certificate/],
    ['root.pem', (text) => text.slice(0, 100), /root\.pem is damaged/],
    ['root.pem', (text) => text.slice(0, -40), /root\.pem is damaged: its key or certificate cannot be read/],
    [
      'root.pem',
      (text) => text.replace(/PRIVATE KEY-----\n..../, 'PRIVATE KEY-----\nAAAA'),
      /cannot be read/,
    ],
    ['issuing.pem', () => 'garbage', /issuing\.pem is damaged/],
    ['issuing.pem', (text) => text.slice(text.indexOf('-----BEGIN CERT')), /issuing\.pem is damaged/],
  ]
  for (const [index, [name, change, message]] of damage.entries()) {
    const directory = join(t.testdir({}), String(index))
    mkdirSync(directory)
    open(directory)
    const path = join(directory, name)
    const text = change(readFileSync(path, 'utf8'))
    writeFileSync(path, text)
    t.throws(() => open(directory), { code: 'ca.corrupt', message })
    t.equal(readFileSync(path, 'utf8'), text)
  }
  const directory = t.testdir({})
  open(directory)
  writeFileSync(join(directory, 'old-roots.pem'), 'nothing')
  t.throws(() => open(directory), { code: 'bundle.empty', message: /old-roots\.pem/ })
  rmSync(join(directory, 'old-roots.pem'))
  const foreign = open(join(directory, 'b'))
  t.ok(foreign)
  const [key] = readFileSync(join(directory, 'b', 'root.pem'), 'utf8').split('-----BEGIN CERT')
  const [, certificate] = readFileSync(join(directory, 'root.pem'), 'utf8').split('-----BEGIN CERT')
  writeFileSync(join(directory, 'root.pem'), `${key}-----BEGIN CERT${certificate}`)
  t.throws(() => open(directory), { message: /key and certificate do not belong together/ })
  rmSync(join(directory, 'root.pem'))
  t.throws(
    () => open(directory),
    { message: /root\.pem is damaged: it is gone/ },
    'a lost root is not replaced',
  )
})

t.test('no error carries the key', async (t) => {
  const directory = t.testdir({})
  open(directory)
  const path = join(directory, 'root.pem')
  const text = readFileSync(path, 'utf8')
  const secret = text.split('\n')[1] as string
  writeFileSync(path, text.replace('END PRIVATE', 'END PRIVAT'))
  try {
    open(directory)
    t.fail('must throw')
  } catch (error) {
    const seen = JSON.stringify([
      error,
      String(error),
      (error as Error).stack,
      String((error as Error).cause),
    ])
    t.notOk(seen.includes(secret.slice(4, 40)))
  }
})

t.test('a root of another trust domain is refused', async (t) => {
  const directory = t.testdir({})
  open(directory)
  t.throws(() => openCaStore({ directory, trustDomain: 'other.example' }), {
    code: 'ca.trust_domain',
    message: /not of trust domain other\.example/,
  })
})

t.test('the issuing CA is renewed at half of its life, by refresh too', async (t) => {
  const clock = new ManualClock(START)
  const store = open(t.testdir({}), clock)
  const before = store.authority.value
  clock.advance(180 * DAY)
  store.refresh()
  t.equal(store.authority.value, before, 'nothing changed, nobody is told')
  clock.advance(10 * DAY)
  store.refresh()
  const after = store.authority.value
  t.not(after.credentials.certificate.serialNumber, before.credentials.certificate.serialNumber)
  t.equal(after.bundle.pem, before.bundle.pem)
})

t.test('a root is rotated by overlapping bundles', async (t) => {
  const clock = new ManualClock(START)
  const directory = t.testdir({})
  const store = open(directory, clock)
  const other = open(directory, clock)
  const leaf = () =>
    issueWorkload(store.authority.value.credentials, {
      spiffeId: 'spiffe://cluster.local/ns/shop/sa/web',
      publicKey: createPublicKey(generateKey()),
      now: clock.now(),
    })
  /** Follows the chain of a leaf up to a root of the bundle. */
  const trusted = ({ chain }: ReturnType<typeof leaf>, roots = store.authority.value.bundle.roots) => {
    const top = chain[chain.length - 1]
    return roots.some((root) => top?.checkIssued(root) && top.verify(root.publicKey))
  }
  t.throws(() => store.promoteRoot(), { code: 'ca.no_next_root' })
  const [old] = fingerprints(store)
  const oldLeaf = leaf()
  const oldBundle = store.authority.value.bundle.roots

  store.prepareRoot()
  t.equal(fingerprints(store).length, 2)
  t.equal(fingerprints(store)[0], old)
  t.ok(trusted(leaf(), oldBundle), 'the old root still signs')
  store.prepareRoot()
  t.equal(fingerprints(store).length, 2, 'a repeated step changes nothing')

  store.promoteRoot()
  const newLeaf = leaf()
  t.equal(fingerprints(store)[1], old, 'the old root is still trusted')
  t.ok(trusted(oldLeaf) && trusted(newLeaf))
  t.notOk(trusted(newLeaf, oldBundle), 'the new root signs')

  store.retireRoots()
  t.equal(fingerprints(store).length, 1)
  t.notOk(trusted(oldLeaf))
  other.refresh()
  t.same(fingerprints(other), fingerprints(store), 'another process follows')
})
