import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DAY } from '../../../certs/authority.ts'
import { createCsr } from '../../../certs/csr.ts'
import { certificatesPem, trustBundle } from '../../../certs/trust-bundle.ts'
import { ManualClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { openBundleSource } from '../bundle-source.ts'
import { AnyCa, WEB, workloadRequest } from '../testing/issued.ts'
import { vaultClient, type VaultLogin } from './vault-client.ts'
import { vaultBundle, vaultIssuer } from './vault-issuer.ts'

interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}
type Answer = { readonly status?: number; readonly body?: unknown; readonly text?: string }

const TOKEN = 'hvs.secret-token'
const JWT = 'eyJ.secret-jwt.x'
const signal = () => new AbortController().signal

/** Answers as `state.answer` says, in the words of Vault's HTTP API. The real one is tried by `npm run test:issuers`. */
async function setUp(t: Test, kind: VaultLogin['kind'] = 'token-file') {
  const directory = t.testdir({ token: `${TOKEN}\n`, jwt: JWT })
  const ca = new AnyCa(Date.now() - DAY)
  const asked: Asked[] = []
  const state = { answer: (_asked: Asked): Answer => ({ status: 404, body: { errors: [] } }) }
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => (text += String(chunk)))
    request.on('end', () => {
      const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
      asked.push(one)
      const answer = state.answer(one)
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' })
      response.end(answer.text ?? JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const clock = new ManualClock(Date.now())
  const login: VaultLogin =
    kind === 'token-file'
      ? { kind, path: join(directory, 'token') }
      : { kind, mount: 'k8s', role: 'weft', tokenPath: join(directory, 'jwt') }
  const client = vaultClient({ address, login, namespace: 'team', clock })
  t.teardown(() => client.close())
  const open = async (endpoint: 'sign' | 'sign-verbatim' = 'sign') => {
    const bundle = await openBundleSource({
      title: 'test',
      read: async () => trustBundle([ca.root.certificate], 'test'),
      log: silentLogger,
      signal: signal(),
      waiting() {},
    })
    const issuer = vaultIssuer({ client, address, mount: 'mesh/pki', role: 'weft', endpoint, bundle })
    t.teardown(() => issuer.close())
    return issuer
  }
  return { directory, ca, asked, state, address, clock, client, open }
}

/** `data` of POST MOUNT/sign/ROLE. */
function signed(ca: AnyCa, request: ReturnType<typeof workloadRequest>): Answer {
  const [leaf, ...chain] = ca.answer(request, Date.now())
  const data = {
    certificate: certificatesPem(leaf ? [leaf] : []).trim(),
    issuing_ca: certificatesPem(chain).trim(),
    ca_chain: [...chain, ca.root.certificate].map((one) => one.toString().trim()),
    serial_number: '01:02',
  }
  return { body: { data } }
}

t.test('a certificate by sign, and by sign-verbatim', async (t) => {
  const { ca, asked, state, open } = await setUp(t)
  const issuer = await open()
  const request = workloadRequest('web', 3_600_000)
  state.answer = () => signed(ca, request)
  const answer = await issuer.sign(request, signal())
  t.equal(answer.length, 3)
  t.match(asked[0], {
    method: 'POST',
    path: '/v1/mesh/pki/sign/weft',
    headers: { 'x-vault-token': TOKEN, 'x-vault-namespace': 'team', 'x-vault-request': 'true' },
    body: { uri_sans: WEB, ttl: '3600s', format: 'pem', csr: /^-----BEGIN CERTIFICATE REQUEST/ },
  })
  const server = { ...request, names: { dnsNames: ['a.svc', 'b.svc'] } }
  await issuer.sign(server, signal())
  t.match(asked[1]?.body, { alt_names: 'a.svc,b.svc', uri_sans: undefined })
  const verbatim = await open('sign-verbatim')
  await verbatim.sign(request, signal())
  t.match(asked[2], {
    path: '/v1/mesh/pki/sign-verbatim/weft',
    body: {
      key_usage: ['DigitalSignature'],
      ext_key_usage: ['ServerAuth', 'ClientAuth'],
      uri_sans: undefined,
    },
  })
  const nameless = { ...request, csr: createCsr(request.key), csrNames: { uris: [], dns: [], others: [] } }
  await t.rejects(verbatim.sign(nameless, signal()), { code: 'csr.no_name' })
})

t.test('what Vault refuses says which setting to look at, and no secret', async (t) => {
  const { state, open, address, client, directory } = await setUp(t)
  const issuer = await open()
  const cases: [Answer, string, string, RegExp][] = [
    [
      { status: 403, body: { errors: ['permission denied'] } },
      'unavailable',
      'mesh/pki/sign/weft',
      /policy with/,
    ],
    [
      { status: 404, body: { errors: [] } },
      'unavailable',
      'mesh/pki/sign/weft',
      /--vault-mount and --vault-role/,
    ],
    [
      { status: 400, body: { errors: ['URI not\nallowed by this role'] } },
      'refused',
      'mesh/pki/sign/weft',
      /400: "URI not allowed by this role": compare what the role allows/,
    ],
    [
      { status: 403, body: { errors: ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n'] } },
      'unavailable',
      'mesh/pki/sign/weft',
      /invalid token.*has ended or was revoked/,
    ],
    [
      { status: 400, body: { errors: ['unknown role: weft'] } },
      'unavailable',
      'mesh/pki/sign/weft',
      /unknown role: weft.*--vault-role/,
    ],
    [
      { status: 503, body: { errors: ['Vault is sealed'] } },
      'unavailable',
      'mesh/pki/sign/weft',
      /unseal it/,
    ],
    [{ status: 500, text: '' }, 'unavailable', 'mesh/pki/sign/weft', /500: see what Vault logs/],
    [{ text: '<html>' }, 'unavailable', '--vault-address', /no JSON/],
    [{ text: `"${'x'.repeat(300_000)}"` }, 'wrong_answer', '--vault-address', /longer than 262144/],
    [
      { body: { data: { certificate: 'garbage' } } },
      'wrong_answer',
      'certificate, ca_chain',
      /no certificate/,
    ],
  ]
  const seen: string[] = []
  for (const [answer, code, field, message] of cases) {
    state.answer = () => answer
    const error: unknown = await issuer.sign(workloadRequest(), signal()).catch((reason: unknown) => reason)
    t.match(error, { code: `issuer.${code}`, field, message })
    seen.push(String(error), (error as Error).stack ?? '', String((error as Error).cause))
  }
  writeFileSync(join(directory, 'token'), '')
  await t.rejects(issuer.sign(workloadRequest(), signal()), {
    field: '--vault-token-file',
    message: /is empty/,
  })
  const gone = vaultClient({ address: 'http://127.0.0.1:1', login: { kind: 'token-file', path: '/nowhere' } })
  await t.rejects(gone.request('GET', 'x', undefined, signal()), { message: /token cannot be read/ })
  writeFileSync(join(directory, 'token'), TOKEN)
  const away = vaultClient({
    address: 'http://127.0.0.1:1',
    login: { kind: 'token-file', path: join(directory, 'token') },
  })
  await t.rejects(away.request('GET', 'x', undefined, signal()), {
    code: 'issuer.unavailable',
    field: '--vault-address',
    message: /does not answer.*ECONNREFUSED/,
  })
  t.notOk(seen.some((text) => text.includes(TOKEN)))
  t.ok(client && address)
})

t.test('a login by ServiceAccount: once for all, again before it ends, and after a 403', async (t) => {
  const { ca, asked, state, open, clock } = await setUp(t, 'kubernetes')
  const issuer = await open()
  const request = workloadRequest()
  let number = 0
  let revoked = ''
  state.answer = ({ path, headers }) => {
    if (path === '/v1/auth/k8s/login')
      return { body: { auth: { client_token: `hvs.${++number}`, lease_duration: 3600 } } }
    return headers['x-vault-token'] === revoked
      ? { status: 403, body: { errors: ['permission denied'] } }
      : signed(ca, request)
  }
  const logins = () => asked.filter(({ path }) => path.endsWith('/login')).length
  await Promise.all([1, 2, 3].map(() => issuer.sign(request, signal())))
  t.equal(logins(), 1)
  t.match(asked[0], { body: { role: 'weft', jwt: JWT } })
  clock.advance(2_401_000)
  await issuer.sign(request, signal())
  t.equal(logins(), 2)
  revoked = 'hvs.2'
  await issuer.sign(request, signal())
  t.equal(logins(), 3)
  t.equal(asked.at(-1)?.headers['x-vault-token'], 'hvs.3')
  state.answer = () => ({ status: 503, body: { errors: ['Vault is sealed'] } })
  clock.advance(4_000_000)
  await t.rejects(issuer.sign(request, signal()), {
    code: 'issuer.unavailable',
    field: 'auth/k8s/login',
    message: /503.*unseal it/,
  })
  state.answer = () => ({ status: 403, body: { errors: ['service account name not authorized'] } })
  clock.advance(4_000_000)
  await t.rejects(issuer.sign(request, signal()), {
    code: 'issuer.unavailable',
    field: 'auth/k8s/role/weft',
    message: /not authorized.*bound ServiceAccounts/,
  })
})

t.test('the roots of all issuers of the mount are trusted', async (t) => {
  const { ca, client, state } = await setUp(t)
  const next = new AnyCa(Date.now())
  const pem = (...list: { toString(): string }[]) => list.map((one) => one.toString())
  const issuers: Record<string, object> = {
    one: {
      certificate: pem(ca.issuing.certificate)[0],
      ca_chain: pem(ca.issuing.certificate, ca.root.certificate),
    },
    two: { certificate: pem(next.root.certificate)[0], ca_chain: pem(next.root.certificate) },
  }
  state.answer = ({ path }) => {
    if (path === '/v1/mesh/pki/issuers?list=true') return { body: { data: { keys: Object.keys(issuers) } } }
    return { body: { data: issuers[path.replace('/v1/mesh/pki/issuer/', '')] } }
  }
  const { roots } = await vaultBundle(client, 'mesh/pki', signal())
  t.strictSame(
    roots.map((one) => one.fingerprint256),
    [ca, next].map(({ root }) => root.certificate.fingerprint256),
  )
  issuers['one'] = { certificate: pem(ca.issuing.certificate)[0] }
  delete issuers['two']
  await t.rejects(vaultBundle(client, 'mesh/pki', signal()), {
    field: 'mesh/pki/issuers',
    message: /import the root beside/,
  })
})
