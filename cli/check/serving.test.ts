import { createPublicKey } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { createRoot, DAY, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { fakeKubelet } from '../cluster/testing/fake-kubelet.ts'
import { runChecks } from './finding.ts'
import { servingCheck } from './serving.ts'
import { sessionAt } from './testing/session.ts'

const HOUR = DAY / 24

/** What the check finds of a control plane whose certificate, of a day, has lived for so long. */
async function found(t: Test, hours: number) {
  const root = createRoot('cluster.local', Date.now() - 2 * DAY)
  const key = generateKey()
  const now = Date.now() - hours * HOUR
  const { chain } = issueServer(root, {
    dnsNames: ['weft-control-plane.weft-system.svc'],
    publicKey: createPublicKey(key),
    now,
    lifeMs: DAY,
  })
  const cert = chain.map((one) => one.toString()).join('')
  const server = createServer({ key: privateKeyPem(key), cert, ALPNProtocols: ['h2'] }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket) => socket.on('error', () => {}))
  const api = await FakeApi.start(t)
  const kubelet = fakeKubelet(t, (server.address() as AddressInfo).port)
  api.upgrade = kubelet.upgrade
  api.put('/api/v1/namespaces/weft-system/pods/one', { metadata: { name: '' }, status: { phase: 'Running' } })
  const credentials = { headers: {}, tls: {}, proxy: undefined }
  const check = servingCheck(async () => ({ server: api.url, credentials, port: 15_012 }))
  const run = async () => {
    const { json } = await runChecks([check], sessionAt(api.connect(t)))
    return (json as { findings: readonly { status: string; message: string }[] }).findings
  }
  return { run, kubelet, api }
}

t.test('the certificate that control planes show to sidecars', async (t) => {
  const fresh = await found(t, 1)
  t.match(await fresh.run(), [
    { status: 'ok', message: 'the certificate that one shows to sidecars ends in 22 h' },
  ])
  t.match(fresh.kubelet.asked, [{ url: /weft-system\/pods\/one\/portforward\?ports=15012$/ }])
  t.match(await (await found(t, 16.5)).run(), [
    {
      status: 'warning',
      message: /ends in 7 h and should have been renewed: kubectl logs -n weft-system one says why/,
    },
  ])
  t.match(await (await found(t, 27)).run(), [
    { status: 'failed', message: /ended 3 h ago, and no sidecar takes it/ },
  ])
  fresh.kubelet.refusal = 'nobody listens on 15012'
  t.match(await fresh.run(), [{ status: 'unknown', message: /nobody listens on 15012/ }])
  fresh.api.remove('/api/v1/namespaces/weft-system/pods/one')
  t.match(await fresh.run(), [{ status: 'unknown', message: 'no control plane runs in weft-system' }])
})
