import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DAY } from '../../certs/authority.ts'
import { openCaStore } from '../../certs/ca-store.ts'
import { ManualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { openCaSecret } from '../../control-plane/kubernetes/ca/ca-secret.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { caView, stepProblem, type CaView } from './ca-view.ts'

const WEFT = join(import.meta.dirname, '../weft.ts')
const MINUTE = 60_000

t.test('a step is refused while it would cut somebody off, and says until when', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const ca = openCaStore({ directory: t.testdir({}), trustDomain: 'cluster.local', clock })
  let published = [ca.authority.value.bundle.pem, ca.authority.value.bundle.pem]
  const view = () => caView(ca.authority.value, published)
  const problem = (step: 'promote' | 'retire') => stepProblem(step, view(), clock.now())
  const roles = () => view().roots.map(({ role }) => role)
  t.strictSame(roles(), ['signing'])
  clock.advance(30 * DAY)
  t.equal(problem('retire'), undefined, 'there is nothing to cut off')

  ca.prepareRoot()
  t.strictSame(roles(), ['signing', 'next'])
  t.strictSame(view().published, { namespaces: 2, current: 0 })
  t.match(problem('promote'), '2 of 2 namespaces do not have the new root yet')
  published = [ca.authority.value.bundle.pem, ca.authority.value.bundle.pem]
  t.match(problem('promote'), 'pods may not have the new root before 2026-01-31T00:05:00.000Z')
  t.match(problem('retire'), /promote it first/)
  clock.advance(5 * MINUTE)
  t.equal(problem('promote'), undefined)

  ca.promoteRoot()
  t.strictSame(roles(), ['signing', 'old'])
  t.match(problem('retire'), /may be in use until 2026-02-01T00:10/)
  clock.advance(DAY)
  t.match(problem('retire'), /may be in use/)
  clock.advance(10 * MINUTE)
  t.equal(problem('retire'), undefined)
})

async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const kubeconfig = join(t.testdir({}), 'kubeconfig')
  const config = {
    'current-context': 'a',
    clusters: [{ name: 'a', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'a', user: {} }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  const weft = async (...args: string[]) => {
    const child = spawn(process.execPath, [WEFT, 'ca', ...args, '--kubeconfig', kubeconfig])
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    return { code, out, err }
  }
  return { api, weft }
}

t.test('the commands against an API server', async (t) => {
  const { api, weft } = await setUp(t)
  t.match(await weft('status'), {
    code: 1,
    err: /Secret weft-system\/weft-ca holds no CA: the control plane makes it/,
  })
  t.strictSame(api.writes, [], 'looking makes none')
  const ca = await openCaSecret({
    connection: api.connect(t),
    namespace: 'weft-system',
    name: 'weft-ca',
    trustDomain: 'cluster.local',
    dnsNames: [],
    log: silentLogger,
  })
  const [root] = ca.authority.value.bundle.roots
  const status = await weft('status')
  t.equal(status.code, 0)
  t.match(
    status.out,
    /^signing {2}\d{4}-\d\d-\d\d to .*O=Weft, CN=Weft root CA.*\nissuing .*\npublished in 0 of 0 namespaces\n$/,
  )
  const prepared = JSON.parse((await weft('prepare', '--json')).out) as CaView
  t.strictSame(
    prepared.roots.map(({ role }) => role),
    ['signing', 'next'],
  )
  t.equal(prepared.roots[0]?.fingerprint, root?.fingerprint256.replaceAll(':', '').toLowerCase())
  t.match(await weft('promote'), { code: 1, out: '', err: /before .*--force does it all the same/ })
  const promoted = JSON.parse((await weft('promote', '--force', '--json')).out) as CaView
  t.strictSame(
    promoted.roots.map(({ role }) => role),
    ['signing', 'old'],
  )
  t.match(await weft('promote', '--force'), { code: 1, err: /prepare a root first/ })
  t.match(await weft('retire'), { code: 1, err: /in use until/ })
  const retired = JSON.parse((await weft('retire', '--force', '--json')).out) as CaView
  t.strictSame(
    retired.roots.map(({ role }) => role),
    ['signing'],
  )
  t.notMatch(status.out + status.err, /PRIVATE/)
})

t.test('wrong flags are told', async (t) => {
  const { weft } = await setUp(t)
  t.match(await weft('rotate'), {
    code: 2,
    err: /COMMAND: "rotate" must be status, prepare, promote or retire/,
  })
  t.match(await weft(), { code: 2 })
  t.match(await weft('status', '--wrong'), { code: 2, err: /--wrong/ })
  t.match(await weft('--help'), { code: 0, out: /prepare {2}makes another root/ })
})
