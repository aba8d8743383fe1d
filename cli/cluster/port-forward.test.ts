import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { getThroughPod } from './port-forward.ts'
import { fakeKubelet } from './testing/fake-kubelet.ts'

/** An API server that forwards to `port`. */
async function forwarding(t: Test, port: number) {
  const kubelet = fakeKubelet(t, port)
  const api = createServer().on('upgrade', kubelet.upgrade).listen(0, '127.0.0.1')
  await new Promise((resolve) => api.once('listening', resolve))
  t.teardown(() => api.close())
  return { kubelet, server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` }
}

const credentials = { headers: { authorization: 'Bearer a' }, tls: {}, proxy: undefined }
const target = { credentials, namespace: 'shop', pod: 'web', port: 15000 }

t.test('a page of a pod comes through the API server', async (t) => {
  const text = 'x'.repeat(300_000)
  const admin = createServer((request, response) => {
    response.statusCode = request.url === '/config_dump' ? 200 : 404
    response.end(JSON.stringify({ host: request.headers.host, text }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => admin.once('listening', resolve))
  t.teardown(() => admin.close())
  const { server, kubelet } = await forwarding(t, (admin.address() as AddressInfo).port)
  const page = await getThroughPod({ ...target, server }, '/config_dump')
  t.equal(page.status, 200)
  t.match(JSON.parse(page.text), { host: /^localhost/, text })
  t.strictSame(kubelet.asked, [
    { url: '/api/v1/namespaces/shop/pods/web/portforward?ports=15000', authorization: 'Bearer a' },
  ])
  t.match(await getThroughPod({ ...target, server }, '/none'), { status: 404 })
})

t.test('what goes wrong is one clear error', async (t) => {
  const { server, kubelet } = await forwarding(t, 1)
  kubelet.refusal = 'no listener on port 15000'
  await t.rejects(getThroughPod({ ...target, server }, '/'), { message: 'no listener on port 15000' })
  const refusing = createServer((_, response) => response.writeHead(403).end('no')).listen(0, '127.0.0.1')
  refusing.on('upgrade', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n'))
  await new Promise((resolve) => refusing.once('listening', resolve))
  t.teardown(() => refusing.close())
  const { port } = refusing.address() as AddressInfo
  await t.rejects(getThroughPod({ ...target, server: `http://127.0.0.1:${port}` }, '/'), {
    code: 'port_forward.failed',
    message: /shop\/web gives no connection to its port 15000.*create.*pods\/portforward/,
  })
  await t.rejects(getThroughPod({ ...target, server: 'http://127.0.0.1:1' }, '/'), {
    message: /gives no connection/,
  })
})
