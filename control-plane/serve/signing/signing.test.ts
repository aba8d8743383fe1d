import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { Client, credentials, Metadata, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { createRoot, DAY, issueServer } from '../../../certs/authority.ts'
import { openCaStore } from '../../../certs/ca-store.ts'
import { distinguishedName } from '../../../certs/certificate.ts'
import { createCsr } from '../../../certs/csr.ts'
import { basicConstraints } from '../../../certs/extensions.ts'
import { generateKey, privateKeyPem } from '../../../certs/key.ts'
import { Oid } from '../../../certs/oids.ts'
import { certificatesPem } from '../../../certs/trust-bundle.ts'
import { createLogger } from '../../../core/log.ts'
import { Watched } from '../../../core/watched.ts'
import { Signing, type SignResponse } from '../../../core/xds/generated/weft.js'
import { createIdentity, type IdentityOptions } from '../../../proxy/identity/identity.ts'
import type { Identity, Secrets } from '../../../proxy/identity/secrets.ts'
import { authorityIssuer } from '../../issuers/own-ca.ts'
import { admit } from '../admission/admitted.ts'
import { serveGrpc } from '../grpc-server.ts'
import { authenticate } from '../tokens/authenticate.ts'
import { openTokenIssuer } from '../tokens/issuer.ts'
import { localTokenVerifier } from '../tokens/verifier.ts'
import { signingService, type SigningOptions } from './service.ts'

const NAME = 'weft-control-plane.weft-system.svc'
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

/** A real gRPC server with TLS, as the control plane runs it. */
type ServeOptions = Pick<SigningOptions, 'longestLifeMs' | 'aliases' | 'refusal'> & { rootLifeMs?: number }

async function serve(t: Test, options: ServeOptions = {}) {
  const directory = t.testdir({})
  const store = openCaStore({
    directory: join(directory, 'ca'),
    trustDomain: 'cluster.local',
    ...(options.rootLifeMs && { rootLifeMs: options.rootLifeMs }),
  })
  const issuer = await openTokenIssuer({ directory: join(directory, 'tokens') })
  const verifier = localTokenVerifier({ directory: join(directory, 'tokens'), audience: 'weft' })
  const lines: string[] = []
  const log = createLogger('signing', 'debug', (line) => lines.push(line))
  const own = authorityIssuer('the CA', store.authority)
  const service = signingService({ issuer: own, trustDomain: 'cluster.local', log, ...options })
  const key = generateKey()
  const { chain } = issueServer(store.authority.value.credentials, {
    dnsNames: [NAME],
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  const listen = async (port: number) => {
    const pair = {
      private_key: Buffer.from(privateKeyPem(key)),
      cert_chain: Buffer.from(certificatesPem(chain)),
    }
    const server = await serveGrpc(
      '--grpc',
      { host: '127.0.0.1', port },
      {
        credentials: ServerCredentials.createSsl(null, [pair]),
        services: [service],
        authenticate: (metadata, from) => authenticate(verifier, metadata, from),
        log,
      },
    )
    t.teardown(() => server.close())
    return { server, port: server.port }
  }
  const { server, port } = await listen(0)
  const mint = (name = 'web', audience = 'weft', ttlMs = 60_000) =>
    issuer.mint({ namespace: 'shop', serviceAccount: { name, uid: 'u' } }, { audience, ttlMs })
  return { directory, store, lines, server, port, listen, mint, key }
}
type Serving = Awaited<ReturnType<typeof serve>>

async function sign(
  serving: Serving,
  request: { csr: Uint8Array; ttlSeconds?: number },
  token?: string,
): Promise<SignResponse> {
  const { bundle } = serving.store.authority.value
  const client = new Client(`127.0.0.1:${serving.port}`, credentials.createSsl(Buffer.from(bundle.pem)), {
    'grpc.ssl_target_name_override': NAME,
  })
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  const { path, requestSerialize, responseDeserialize } = Signing.sign
  try {
    return await new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        (error, response) => (response ? resolve(response) : reject(error as ServiceError)),
      ),
    )
  } finally {
    client.close()
  }
}

const read = (response: SignResponse) =>
  (response.certificateChain ?? []).map((der) => new X509Certificate(der))

t.test('a certificate for the identity of the token', async (t) => {
  const serving = await serve(t)
  const key = generateKey()
  const token = await serving.mint()
  for (const csr of [createCsr(key), createCsr(key, { uri: [WEB] })]) {
    const response = await sign(serving, { csr }, token)
    const [leaf, issuing, ...more] = read(response)
    t.equal(leaf?.subjectAltName, `URI:${WEB}`)
    t.ok(leaf?.publicKey.equals(createPublicKey(key)))
    t.equal(more.length, 0, 'the root is not in the chain')
    t.ok(issuing?.ca && leaf?.verify(issuing.publicKey))
    const roots = (response.trustBundle ?? []).map((der) => new X509Certificate(der))
    t.equal(roots.length, 1)
    t.ok(roots[0] && issuing?.verify(roots[0].publicKey))
    const life = (leaf as X509Certificate).validToDate.getTime() - Date.now()
    t.ok(Math.abs(life - DAY) < 10_000, '24 hours')
  }
  const other = read(await sign(serving, { csr: createCsr(key) }, await serving.mint('admin')))
  t.equal(other[0]?.subjectAltName, 'URI:spiffe://cluster.local/ns/shop/sa/admin')
  t.notOk(serving.lines.some((line) => line.includes(token.slice(-20)) || line.includes('PRIVATE')))
})

t.test('each refusal has its status and says why', async (t) => {
  const serving = await serve(t)
  const token = await serving.mint()
  const key = generateKey()
  const csr = createCsr(key)
  const named = (commonName: string) => distinguishedName([[Oid.commonName, commonName]])
  const damaged = Buffer.from(csr)
  damaged[csr.length - 1] = (damaged[csr.length - 1] as number) ^ 1
  const weak = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
  const admin = 'spiffe://cluster.local/ns/shop/sa/admin'
  const cases: [name: string, csr: Uint8Array, token: string | undefined, code: status, details: RegExp][] = [
    ['no token', csr, undefined, status.UNAUTHENTICATED, /no credentials/],
    [
      'wrong audience',
      csr,
      await serving.mint('web', 'vault'),
      status.UNAUTHENTICATED,
      /not for audience "weft"/,
    ],
    [
      'expired token',
      csr,
      await serving.mint('web', 'weft', -1000),
      status.UNAUTHENTICATED,
      /expired at 20.*fresh/,
    ],
    ['no token at all', csr, 'garbage', status.UNAUTHENTICATED, /no service account token/],
    [
      'another identity',
      createCsr(key, { uri: [admin] }),
      token,
      status.PERMISSION_DENIED,
      /sa\/admin.*sa\/web/,
    ],
    [
      'a second identity',
      createCsr(key, { uri: [WEB, admin] }),
      token,
      status.PERMISSION_DENIED,
      /sa\/admin/,
    ],
    [
      'a DNS name',
      createCsr(key, { dns: ['bank.example'] }),
      token,
      status.PERMISSION_DENIED,
      /DNS bank\.example/,
    ],
    ['a subject', createCsr(key, { subject: named('root') }), token, status.PERMISSION_DENIED, /CN=root/],
    ['no proof', damaged, token, status.INVALID_ARGUMENT, /signature|cannot be read/],
    ['weak key', createCsr(weak), token, status.INVALID_ARGUMENT, /secp256k1 is not accepted/],
    [
      'a CA',
      createCsr(key, { extensions: [basicConstraints(0)] }),
      token,
      status.INVALID_ARGUMENT,
      /only leaves/,
    ],
    ['garbage', Buffer.from('garbage'), token, status.INVALID_ARGUMENT, /not DER/],
    ['nothing', Buffer.alloc(0), token, status.INVALID_ARGUMENT, /empty/],
    ['too large', Buffer.alloc(20_000), token, status.INVALID_ARGUMENT, /20000 bytes, at most 16384/],
  ]
  for (const [name, request, credential, code, details] of cases) {
    await t.rejects(sign(serving, { csr: request }, credential), { code, details }, name)
  }
  t.ok(await sign(serving, { csr: createCsr(key, { subject: named(WEB) }) }, token), 'and it serves on')
})

t.test('the lifetime: as asked, at most as the server says, never beyond the CA', async (t) => {
  const serving = await serve(t, { longestLifeMs: 3_600_000 })
  const token = await serving.mint()
  const lifeOf = async (from: Serving, ttlSeconds: number, by = token) => {
    const [leaf] = read(await sign(from, { csr: createCsr(generateKey()), ttlSeconds }, by))
    return (leaf as X509Certificate).validToDate.getTime() - Date.now()
  }
  const near = (life: number, seconds: number) =>
    t.ok(Math.abs(life - seconds * 1000) < 10_000, `${seconds} s`)
  near(await lifeOf(serving, 60), 60)
  near(await lifeOf(serving, 0), 3600)
  near(await lifeOf(serving, 0xffffffff), 3600)
  const dying = await serve(t, { rootLifeMs: 1_800_000 })
  near(await lifeOf(dying, 0, await dying.mint()), 1800)
})

t.test(
  'the trust domain that a pod began with stays its own; nothing is signed for who is revoked',
  async (t) => {
    const admin = 'spiffe://cluster.local/ns/shop/sa/admin'
    const serving = await serve(t, {
      aliases: ['old.local'],
      refusal: (id) => (id === admin ? `${id} is revoked: nothing is signed for it` : undefined),
    })
    const signed = async (uri: string | undefined, name = 'web') => {
      const csr = createCsr(generateKey(), uri === undefined ? {} : { uri: [uri] })
      return read(await sign(serving, { csr }, await serving.mint(name)))[0]?.subjectAltName
    }
    const old = 'spiffe://old.local/ns/shop/sa/web'
    t.equal(await signed(undefined), `URI:${WEB}`)
    t.equal(await signed(WEB), `URI:${WEB}`)
    t.equal(await signed(old), `URI:${old}`)
    const denied = (details: RegExp) => ({ code: status.PERMISSION_DENIED, details })
    await t.rejects(signed('spiffe://older.local/ns/shop/sa/web'), denied(/older\.local/))
    await t.rejects(signed('spiffe://old.local/ns/shop/sa/admin'), denied(/sa\/admin/), "another's")
    await t.rejects(signed(undefined, 'admin'), denied(/admin is revoked: nothing is signed for it/))
  },
)

t.test('an expired CA signs nothing and says so', async (t) => {
  const serving = await serve(t)
  const past = createRoot('cluster.local', Date.now() - 2 * DAY, DAY)
  const { authority } = serving.store
  const { implementation } = signingService({
    issuer: authorityIssuer('the CA', new Watched({ ...authority.value, credentials: past })),
    trustDomain: 'cluster.local',
    log: createLogger('signing', 'error', () => {}),
  })
  const metadata = new Metadata()
  admit(metadata, { namespace: 'shop', serviceAccount: 'web', pod: undefined })
  const call = {
    request: { csr: createCsr(generateKey()) },
    metadata,
    getPeer: () => 'test',
    on() {},
  }
  const error = await new Promise((resolve) => (implementation['sign'] as unknown as Call)(call, resolve))
  t.match(error, { code: status.FAILED_PRECONDITION, details: /expired at .*: rotate it/ })
})
type Call = (call: unknown, done: (error: unknown) => void) => void

t.test('bytes that are no message end that call only', async (t) => {
  const serving = await serve(t)
  const client = new Client(
    `127.0.0.1:${serving.port}`,
    credentials.createSsl(Buffer.from(serving.store.authority.value.bundle.pem)),
    {
      'grpc.ssl_target_name_override': NAME,
    },
  )
  t.teardown(() => client.close())
  const raw = (bytes: Buffer, metadata: Metadata) =>
    new Promise((resolve) =>
      client.makeUnaryRequest(
        '/weft.v1.Signing/Sign',
        () => bytes,
        (b) => b,
        bytes,
        metadata,
        (error) => resolve(error?.code),
      ),
    )
  const bytes = Buffer.from('ffffffff', 'hex')
  t.equal(await raw(bytes, new Metadata()), status.UNAUTHENTICATED, 'whose caller is not known are not read')
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${await serving.mint()}`)
  t.equal(await raw(bytes, metadata), status.INTERNAL)
  t.equal(await raw(Buffer.alloc(40_000), metadata), status.RESOURCE_EXHAUSTED)
  t.ok(await sign(serving, { csr: createCsr(generateKey()) }, await serving.mint()))
})

/** A pod with files of its own: two of one directory would take each other's certificate, token and roots. */
async function workload(t: Test, serving: Serving, more: Partial<IdentityOptions> = {}) {
  const directory = mkdtempSync(join(serving.directory, 'pod-'))
  const files = {
    tokenPath: join(directory, 'token'),
    caBundlePath: join(directory, 'roots.pem'),
    stateDir: join(directory, 'state'),
  }
  const lines: string[] = []
  writeFileSync(files.tokenPath, `${await serving.mint()}\n`)
  writeFileSync(files.caBundlePath, serving.store.authority.value.bundle.pem)
  const identity = createIdentity({
    address: `127.0.0.1:${serving.port}`,
    serverName: NAME,
    ...files,
    trustDomain: 'cluster.local',
    log: createLogger('identity', 'debug', (line) => lines.push(line)),
    ...more,
  })
  // Before the directory is removed: one that is not closed tries again, and writes.
  t.teardown(() => identity.close())
  return { identity, lines, ...files }
}

function next(identity: Identity): Promise<Secrets> {
  return new Promise((resolve) => {
    const stop = identity.secrets.watch((value) => {
      if (!value) return
      stop()
      resolve(value)
    })
  })
}

async function logged(lines: string[], wanted: RegExp): Promise<string> {
  for (;;) {
    const line = lines.find((one) => wanted.test(one))
    if (line) return line
    await new Promise((resolve) => setImmediate(resolve))
  }
}

t.test('a workload gets its certificate, and after a restart has it without the control plane', async (t) => {
  const serving = await serve(t)
  const { identity, stateDir } = await workload(t, serving)
  const first = next(identity)
  identity.start()
  const secrets = await first
  t.equal(secrets.spiffeId, WEB)
  identity.close()
  await serving.server.close()
  const { identity: restarted } = await workload(t, serving, { stateDir })
  restarted.start()
  t.same(restarted.secrets.value, secrets, 'at once')
})

t.test('refusals are logged, and the next good token is taken', async (t) => {
  const serving = await serve(t)
  const { identity, lines, tokenPath: token } = await workload(t, serving, { random: () => 0 })
  const good = readFileSync(token)
  writeFileSync(token, await serving.mint('web', 'vault'))
  const first = next(identity)
  identity.start()
  t.match(await logged(lines, /no certificate yet/), /UNAUTHENTICATED: the token is not for audience/)
  writeFileSync(token, good)
  t.equal((await first).spiffeId, WEB)
})

t.test('a control plane that another CA certified gets no token', async (t) => {
  const serving = await serve(t)
  const { identity, lines, caBundlePath } = await workload(t, serving)
  writeFileSync(caBundlePath, createRoot('cluster.local', Date.now()).certificate.toString())
  identity.start()
  t.match(await logged(lines, /no certificate yet/), /identity\.unreachable/)
  const { identity: misnamed, lines: more } = await workload(t, serving, { serverName: 'bank.example' })
  misnamed.start()
  t.match(await logged(more, /no certificate yet/), /identity\.unreachable/)
  t.notOk(serving.lines.length, 'the server never saw a request')
})

t.test('an unreachable control plane is tried again until it is there', async (t) => {
  const serving = await serve(t)
  await serving.server.close()
  const { identity, lines } = await workload(t, serving, { random: () => 0 })
  const first = next(identity)
  identity.start()
  await logged(lines, /no certificate yet/)
  await serving.listen(serving.port)
  t.equal((await first).spiffeId, WEB)
})
