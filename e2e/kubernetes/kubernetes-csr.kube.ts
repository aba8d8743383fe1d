import { createPublicKey, type X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { createIssuing, createRoot, DAY, issueWorkload } from '../../certs/authority.ts'
import { createCsr } from '../../certs/csr.ts'
import { verifyCsr } from '../../certs/csr-verify.ts'
import { generateKey } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { silentLogger } from '../../core/log.ts'
import type { CertificateRequest } from '../../control-plane/issuers/issuer.ts'
import { openIssuer } from '../../control-plane/issuers/open-issuer.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { startCluster } from './cluster/cluster.ts'
import { accountKubeconfig } from './testing/account-kubeconfig.ts'

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
/** Whose controller has the rights of the example. */
const SIGNER = 'example.com/mesh'
const APPROVER = join(import.meta.dirname, '../../examples/issuers/kubernetes-csr/approver.yaml')
const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

interface SigningRequest {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly request: string; readonly signerName: string; readonly expirationSeconds: number }
  readonly status?: { readonly certificate?: string; readonly conditions?: readonly object[] }
}

function request(lifeMs = DAY): CertificateRequest {
  const key = generateKey()
  return {
    csr: createCsr(key, { uri: [WEB] }),
    csrNames: { uris: [WEB], dns: [], others: [] },
    publicKey: createPublicKey(key),
    names: { spiffeId: WEB },
    lifeMs,
    asker: { source: 'shop', subject: 'web' },
  }
}

t.test('a signer of the real API certifies a workload, and what it does wrong is said', async (t) => {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  const connection = await openConnection({ kubeconfig: cluster.kubeconfig })
  t.teardown(() => connection.close())
  const root = createRoot('cluster.local', Date.now())
  const ca = createIssuing(root, 'cluster.local', Date.now())
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const state = { approve: true, spiffeId: WEB }
  await cluster.kubectl(['create', 'namespace', 'weft-system'])
  await cluster.kubectl(['apply', '--filename', APPROVER])
  const account = { namespace: 'weft-system', name: 'mesh-signer' }
  const signer = await openConnection({
    kubeconfig: await accountKubeconfig(cluster, t.testdir({}), account),
  })
  t.teardown(() => signer.close())

  /** Approves and signs whatever asks for it, as a controller of somebody else would. */
  const sign = async (found: SigningRequest): Promise<void> => {
    const path = `${REQUESTS}/${found.metadata.name}`
    const type = state.approve ? 'Approved' : 'Denied'
    const condition = { type, status: 'True', reason: 'Policy', message: 'by the test' }
    const approved = (await signer.request({
      method: 'PUT',
      path: `${path}/approval`,
      body: { ...found, status: { conditions: [condition] } },
    })) as SigningRequest
    if (!state.approve) return
    const pem = Buffer.from(found.spec.request, 'base64').toString()
    const { publicKey } = verifyCsr(Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64'))
    const lifeMs = found.spec.expirationSeconds * 1000
    const { chain } = issueWorkload(ca, { spiffeId: state.spiffeId, publicKey, now: Date.now(), lifeMs })
    const certificate = Buffer.from(certificatesPem(chain)).toString('base64')
    await signer.request({
      method: 'PUT',
      path: `${path}/status`,
      body: { ...approved, status: { ...approved.status, certificate } },
    })
  }
  const list = (await signer.request({ method: 'GET', path: REQUESTS })) as {
    metadata: { resourceVersion: string }
  }
  const seen = new Set<string>()
  const signing = signer
    .watch(
      {
        path: REQUESTS,
        query: { resourceVersion: list.metadata.resourceVersion },
        silenceMs: 0,
        signal: stop.signal,
      },
      ({ object }) => {
        const found = object as SigningRequest
        if (found.spec.signerName !== SIGNER || seen.has(found.metadata.name)) return
        seen.add(found.metadata.name)
        void sign(found)
      },
    )
    .catch(() => {})

  const waits: string[] = []
  const opening = openIssuer(
    { kind: 'kubernetes-csr', signerName: SIGNER, configMap: 'mesh-roots' },
    {
      trustDomain: 'cluster.local',
      dnsNames: [],
      log: silentLogger,
      signal: stop.signal,
      waiting: (reason) => waits.push(reason),
      cluster: { connection, namespace: 'weft-system' },
    },
  )
  while (waits.length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  t.match(waits[0], /ConfigMap weft-system\/mesh-roots: there is no such ConfigMap/)
  await cluster.kubectl([
    ...['create', 'configmap', 'mesh-roots', '--namespace=weft-system'],
    `--from-literal=ca.crt=${root.certificate.toString()}`,
  ])
  const issuer = await opening
  t.teardown(() => issuer.close())
  const signal = stop.signal

  const { chain, bundle } = await issuer.sign(request(), signal)
  t.equal(chain[0]?.subjectAltName, `URI:${WEB}`)
  t.equal(chain.length, 2)
  t.strictSame(
    bundle.roots.map((one) => one.fingerprint256),
    [root.certificate.fingerprint256],
  )
  const short = await issuer.sign(request(60_000), signal)
  const life = (short.chain[0] as X509Certificate).validToDate.getTime() - Date.now()
  t.ok(life > 500_000 && life < 700_000, 'the API certifies for ten minutes at least')

  for (;;) {
    const left = (await connection.request({ method: 'GET', path: REQUESTS })) as { items: readonly object[] }
    if (left.items.length === 0) break
  }
  t.pass('no request is left behind')

  const may = async (verb: string, resource: string, name: string, namespace = ''): Promise<boolean> => {
    const group = resource === 'secrets' ? '' : 'certificates.k8s.io'
    const { status } = (await connection.request({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: `system:serviceaccount:${account.namespace}:${account.name}`,
          resourceAttributes: { verb, group, resource, name, namespace },
        },
      },
    })) as { readonly status: { readonly allowed: boolean } }
    return status.allowed
  }
  t.equal(await may('approve', 'signers', SIGNER), true)
  t.equal(await may('approve', 'signers', 'example.com/other'), false)
  t.equal(await may('sign', 'signers', 'kubernetes.io/kube-apiserver-client'), false)
  t.equal(await may('create', 'certificatesigningrequests', ''), false)
  t.equal(await may('get', 'secrets', 'weft-ca', 'weft-system'), false)

  state.spiffeId = 'spiffe://cluster.local/ns/shop/sa/admin'
  const other = { ...request(), asker: { source: 'shop', subject: 'other' } }
  await t.rejects(issuer.sign(other, signal), { code: 'issuer.wrong_answer', field: 'subjectAltName' })
  state.approve = false
  const third = { ...request(), asker: { source: 'shop', subject: 'third' } }
  await t.rejects(issuer.sign(third, signal), { code: 'issuer.refused', message: /approver denied/ })
  stop.abort()
  await signing
})
