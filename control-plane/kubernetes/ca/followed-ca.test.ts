import t, { type Test } from 'tap'
import { createRoot } from '../../../certs/authority.ts'
import { privateKeyPem } from '../../../certs/key.ts'
import { createLogger } from '../../../core/log.ts'
import { FakeApi } from '../testing/fake-api.ts'
import { openCaSecret } from './ca-secret.ts'
import { followCa, type FollowedCaOptions } from './followed-ca.ts'

const SECRET = '/api/v1/namespaces/weft-system/secrets/weft-ca'
const BUNDLE = '/api/v1/namespaces/weft-system/configmaps/weft-ca'

async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const lines: string[] = []
  const waits: string[] = []
  const stop = new AbortController()
  let woken = () => {}
  const options: FollowedCaOptions = {
    connection: api.connect(t),
    namespace: 'weft-system',
    name: 'weft-ca',
    trustDomain: 'cluster.local',
    dnsNames: [],
    log: createLogger('test', 'info', (line) => lines.push(line)),
    signal: stop.signal,
    retryMs: 5,
    waiting(reason) {
      waits.push(reason)
      woken()
    },
  }
  const follow = async (change: Partial<FollowedCaOptions> = {}) => {
    const ca = await followCa({ ...options, ...change })
    t.teardown(() => ca.close())
    return ca
  }
  /** Resolves once it waits for this. */
  const waiting = async (reason: RegExp): Promise<void> => {
    while (!waits.some((one) => reason.test(one))) {
      await new Promise<void>((resolve) => (woken = resolve))
    }
  }
  return { api, options, lines, stop, follow, waiting }
}

t.test('a rotation elsewhere is followed as soon as it is written', async (t) => {
  const { follow, options } = await setUp(t)
  const ca = await follow()
  const elsewhere = await openCaSecret(options)
  const seen = new Promise<number>((resolve) =>
    ca.authority.watch(({ bundle }) => resolve(bundle.roots.length)),
  )
  await elsewhere.prepareRoot()
  t.equal(await seen, 2)
})

t.test('what others have to mend is waited for, and told', async (t) => {
  const { api, follow, waiting, lines } = await setUp(t)
  api.hook = () => ({ status: 503 })
  const opened = follow()
  await waiting(/503/)
  api.put(SECRET, { data: { 'root.pem': 'eA==' } })
  api.hook = () => undefined
  await waiting(/root\.pem is damaged/)
  api.put(BUNDLE, { data: { 'root-cert.pem': 'x' } })
  api.remove(SECRET)
  await waiting(/is gone or empty, but ConfigMap/)
  t.strictSame(api.writes, [])
  api.remove(BUNDLE)
  t.equal((await opened).authority.value.bundle.roots.length, 1)
  const told = lines.filter((line) => line.includes('waiting for the CA'))
  t.equal(told.length, new Set(told.map((line) => line.replace(/"time":"[^"]*"/, ''))).size, 'each once')
})

t.test('a given CA is waited for, followed, and what is wrong with the next one is told once', async (t) => {
  const { api, follow, waiting, lines } = await setUp(t)
  const opened = follow({ given: true, refreshMs: 5 })
  await waiting(/is not there yet: its issuer must make it/)
  const give = (text?: string) => {
    const root = createRoot('cluster.local', Date.now())
    const base64 = (value: string) => Buffer.from(value).toString('base64')
    const data = {
      'tls.crt': base64(text ?? root.certificate.toString()),
      'tls.key': base64(privateKeyPem(root.key)),
    }
    api.put(SECRET, { data })
    return root.certificate.fingerprint256
  }
  const first = give()
  const { authority } = await opened
  t.equal(authority.value.credentials.certificate.fingerprint256, first)
  const asked = () => api.asked.filter((one) => one === `GET ${SECRET}`).length
  give('nonsense')
  const before = asked()
  while (asked() < before + 5) await new Promise((resolve) => setImmediate(resolve))
  t.equal(lines.filter((line) => line.includes('signs on')).length, 1)
  t.equal(authority.value.credentials.certificate.fingerprint256, first)
  const next = new Promise<string>((resolve) =>
    authority.watch(({ credentials }) => resolve(credentials.certificate.fingerprint256)),
  )
  t.equal(give(), await next)
})

t.test('an end while it waits is an end', async (t) => {
  const { api, follow, waiting, stop } = await setUp(t)
  api.hook = () => ({ status: 503 })
  const opened = follow()
  await waiting(/503/)
  stop.abort()
  await t.rejects(opened, { name: 'AbortError' })
})

t.test('what waiting does not mend is told at once', async (t) => {
  const { options, follow } = await setUp(t)
  await openCaSecret(options)
  await t.rejects(follow({ trustDomain: 'other.example' }), { code: 'ca.trust_domain' })
})
