import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { apiServer, isUninstalled } from './own-daemon-set.ts'

t.test('only a DaemonSet that is gone, or going, takes the plugin along', async (t) => {
  const key = generateKey()
  const root = createRoot('test', Date.now())
  const issued = issueServer(root, {
    dnsNames: ['localhost'],
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  let answer = { status: 200, body: '' }
  const asked: (string | undefined)[] = []
  const server = createServer(
    { key: privateKeyPem(key), cert: issued.chain.map((one) => one.toString()).join('') },
    (request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
      response.writeHead(answer.status).end(answer.body)
    },
  )
  t.teardown(() => server.close())
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const credentials = t.testdir({ token: 'secret\n', 'ca.crt': root.certificate.toString() })
  const api = { host: 'localhost', port, credentials, namespace: 'mesh' }
  const DAEMON_SET = { metadata: { name: 'weft-cni' } }
  for (const [status, body, wanted] of [
    [200, JSON.stringify(DAEMON_SET), false],
    [200, JSON.stringify({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), true],
    [404, '{}', true],
    [403, '{}', true],
    [401, '{}', true],
    [429, '{}', false],
    [500, '', false],
    [200, 'x'.repeat(2 * 1024 * 1024), false],
    [200, 'no JSON', false],
    [200, 'null', false],
  ] as const) {
    answer = { status, body }
    t.equal(await isUninstalled(api), wanted, `${status} ${body.slice(0, 60)}`)
  }
  t.equal(asked[0], 'GET /apis/apps/v1/namespaces/mesh/daemonsets/weft-cni Bearer secret')
  writeFileSync(join(credentials, 'ca.crt'), createRoot('other', Date.now()).certificate.toString())
  answer = { status: 404, body: '{}' }
  t.equal(await isUninstalled(api), false, 'nobody else is believed')
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
  t.equal(await isUninstalled(api), false, 'who does not answer says nothing')
})

t.test('the API server is the one of the pod', async (t) => {
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443', POD_NAMESPACE: 'mesh' }
  t.match(apiServer(env), { host: '10.96.0.1', port: 6443, namespace: 'mesh' })
  t.equal(apiServer({ ...env, KUBERNETES_SERVICE_HOST: undefined }), undefined)
  t.equal(apiServer({ ...env, POD_NAMESPACE: '' }), undefined)
})
