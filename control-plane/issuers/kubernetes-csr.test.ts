import { createPublicKey } from 'node:crypto'
import t, { type Test } from 'tap'
import { DAY } from '../../certs/authority.ts'
import { createCsr } from '../../certs/csr.ts'
import { verifyCsr } from '../../certs/csr-verify.ts'
import { certificatesPem, trustBundle } from '../../certs/trust-bundle.ts'
import { silentLogger } from '../../core/log.ts'
import { FakeApi, type ApiObject } from '../kubernetes/testing/fake-api.ts'
import { openBundleSource } from './bundle-source.ts'
import { clusterTrustBundles, configMapBundle } from './kubernetes-bundle.ts'
import { kubernetesCsrIssuer } from './kubernetes-csr.ts'
import { AnyCa, WEB, workloadRequest } from './testing/issued.ts'

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const SIGNER = 'example.com/mesh'

interface SigningRequest extends ApiObject {
  spec: { request: string; signerName: string; expirationSeconds: number; usages: string[] }
}

/** An API server where POST makes the object under its own name, and `status` decides what becomes of it. */
async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const ca = new AnyCa(Date.now() - DAY)
  const made: SigningRequest[] = []
  const state = { status: (_request: SigningRequest): object => ({}) }
  api.hook = (asked, body) => {
    if (asked !== `POST ${REQUESTS}`) return undefined
    const request = body as SigningRequest
    made.push(request)
    const stored = api.put(`${REQUESTS}/${request.metadata.name}`, {
      ...request,
      status: state.status(request),
    })
    return { status: 201, body: stored }
  }
  const connection = api.connect(t)
  const bundle = await openBundleSource({
    title: 'test',
    read: async () => trustBundle([ca.root.certificate], 'test'),
    log: silentLogger,
    signal: new AbortController().signal,
    waiting() {},
  })
  const issuer = kubernetesCsrIssuer({ connection, signerName: SIGNER, bundle })
  t.teardown(() => issuer.close())
  return { api, ca, made, state, connection, issuer }
}

const signal = () => new AbortController().signal

t.test('a request is made, waited for, and deleted', async (t) => {
  const { api, ca, made, state, issuer } = await setUp(t)
  const request = workloadRequest()
  const asked = issuer.sign(request, signal())
  await until(() => made.length === 1)
  const [object] = made as [SigningRequest]
  t.match(object, {
    kind: 'CertificateSigningRequest',
    metadata: { name: /^weft-[0-9a-f]{16}$/ },
    spec: {
      signerName: SIGNER,
      expirationSeconds: 86_400,
      usages: ['digital signature', 'server auth', 'client auth'],
    },
  })
  const pem = Buffer.from(object.spec.request, 'base64').toString()
  t.match(pem, /^-----BEGIN CERTIFICATE REQUEST-----\n[\s\S]{64}\n/)
  const csr = verifyCsr(Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64'))
  t.strictSame(csr.names.uris, [WEB])
  t.ok(csr.publicKey.equals(createPublicKey(request.key)))
  const answer = ca.answer(request, Date.now())
  const path = `${REQUESTS}/${object.metadata.name}`
  const approved = { type: 'Approved', status: 'True' }
  api.put(path, { ...object, status: { conditions: [approved] } })
  const certificate = Buffer.from(certificatesPem(answer)).toString('base64')
  api.put(path, { ...object, status: { conditions: [approved], certificate } })
  t.strictSame(
    (await asked).map((one) => one.fingerprint256),
    answer.map((one) => one.fingerprint256),
  )
  await until(() => api.get(path) === undefined)
  state.status = () => ({ certificate })
  const server = { ...workloadRequest(), names: { dnsNames: ['a.svc'] }, lifeMs: 600_000 }
  await issuer.sign(server, signal())
  t.match(made[1]?.spec, { expirationSeconds: 600, usages: ['digital signature', 'server auth'] })
})

t.test('what the signer or an approver says, and what they say wrong', async (t) => {
  const { state, issuer } = await setUp(t)
  const condition = (type: string) => ({
    conditions: [{ type, status: 'True', reason: 'Policy', message: 'no\nURIs' }],
  })
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const cases: [object, string, string, RegExp][] = [
    [
      condition('Denied'),
      'issuer.refused',
      'status.conditions[Denied]',
      /approver denied.*"Policy: no\\nURIs"/,
    ],
    [condition('Failed'), 'issuer.refused', 'status.conditions[Failed]', /example\.com\/mesh could not sign/],
    [{ certificate: base64('x') }, 'issuer.wrong_answer', 'status.certificate', /no certificate in PEM: see/],
    [{ certificate: 'A'.repeat(200_000) }, 'issuer.wrong_answer', 'status.certificate', /200000 bytes/],
  ]
  for (const [status, code, field, message] of cases) {
    state.status = () => status
    await t.rejects(issuer.sign(workloadRequest(), signal()), { code, field, message })
  }
})

t.test('a sidecar that names nothing is told what to do; an API server that refuses, too', async (t) => {
  const { api, made, issuer } = await setUp(t)
  const request = workloadRequest()
  const nameless = { ...request, csr: createCsr(request.key), csrNames: { uris: [], dns: [], others: [] } }
  await t.rejects(issuer.sign(nameless, signal()), { code: 'csr.no_name', message: /restart the pod/ })
  t.equal(made.length, 0)
  api.hook = () => ({ status: 403, body: { message: 'may not', reason: 'Forbidden' } })
  await t.rejects(issuer.sign(request, signal()), {
    code: 'issuer.unavailable',
    message: /controlPlane\.issuer\.kind/,
  })
  api.hook = () => ({ status: 422, body: { message: 'signerName: bad', reason: 'Invalid' } })
  await t.rejects(issuer.sign(request, signal()), { code: 'issuer.refused', message: /signerName: bad/ })
})

t.test('a request that nobody waits for any more is deleted', async (t) => {
  const { api, made, issuer } = await setUp(t)
  const gone = new AbortController()
  const asked = issuer.sign(workloadRequest(), gone.signal)
  await until(() => made.length === 1)
  gone.abort(new Error('gone'))
  await t.rejects(asked)
  await until(() => api.get(`${REQUESTS}/${made[0]?.metadata.name}`) === undefined)
})

t.test('roots of a ConfigMap, and of the ClusterTrustBundles of a signer', async (t) => {
  const { api, ca, connection } = await setUp(t)
  const path = '/api/v1/namespaces/weft-system/configmaps/mesh-roots'
  const read = () => configMapBundle(connection, 'weft-system', 'mesh-roots')
  await t.rejects(read(), { message: /no such ConfigMap: have its owner/ })
  api.put(path, { kind: 'ConfigMap', data: {} })
  await t.rejects(read(), { field: 'data[ca.crt]', message: /is empty/ })
  api.put(path, { kind: 'ConfigMap', data: { 'ca.crt': 'x' } })
  await t.rejects(read(), { code: 'bundle.empty' })
  const pem = ca.root.certificate.toString()
  api.put(path, { kind: 'ConfigMap', data: { 'ca.crt': pem } })
  t.equal((await read()).pem, pem)

  const other = new AnyCa(Date.now()).root.certificate.toString()
  const items: object[] = []
  let served = ''
  api.hook = (asked) => {
    const [, version] = /certificates\.k8s\.io\/(\w+)\/clustertrustbundles$/.exec(asked) ?? []
    if (version === undefined) return undefined
    return version === served ? { status: 200, body: { items } } : { status: 404 }
  }
  await t.rejects(clusterTrustBundles(connection, SIGNER), { message: /serves no ClusterTrustBundles/ })
  served = 'v1beta1'
  await t.rejects(clusterTrustBundles(connection, SIGNER), { message: /none with spec\.signerName example/ })
  items.push({ spec: { trustBundle: pem } }, { spec: { trustBundle: other } })
  t.equal((await clusterTrustBundles(connection, SIGNER)).roots.length, 2)
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
