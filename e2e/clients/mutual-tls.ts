import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CERTIFICATE_PROVIDER, NODE_MUTUAL_TLS } from '../../core/contract.ts'
import { freePorts } from '../../core/testing/free-ports.ts'
import { identityOf, serverBootstrap, type Path } from '../pair/testing/bootstrap.ts'
import { ProxyProcess } from '../pair/testing/proxy-process.ts'
import { only, target, until, type Scene } from './scene.ts'
import { greeter } from './greeter.ts'

/** A pod with a sidecar on loopback. */
const pod = (name: string, serviceAccount: string) => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, annotations: { weft.dev/status: '{}' } }
spec:
  serviceAccountName: ${serviceAccount}
  initContainers: [{ name: weft-init }, { name: weft-proxy, restartPolicy: Always }]
  containers: [{ name: app }]
status: { podIP: 127.0.0.1 }
`

/** The server's sidecar takes nobody but `caller`, by certificate; the client takes nobody but the pod's identity. */
export async function mutualTls({ world, start, t }: Scene): Promise<undefined> {
  const [inner = 0, admin = 0] = await freePorts(2)
  const path: Path = {
    name: 'secret',
    kind: 'http',
    app: await greeter(t, 'secret'),
    appProtocol: 'http2',
    alpn: ['weft-h2', 'h2', 'http/1.1'],
    demands: { ofCaller: 'caller' },
  }
  const ports = new Map([['secret', { front: 0, inner, link: inner }]])
  const sidecar = await ProxyProcess.start('server', world.folder, serverBootstrap([path], ports), admin)
  t.teardown(() => sidecar.stop())
  // Behind both is one server; of the first one the mesh expects that it is somebody else.
  for (const [service, account] of [
    ['other', 'somebody-else'],
    ['secret', 'server'],
  ] as const) {
    world.service(service)
    world.put(`pod-${service}`, pod(`${service}-1`, account))
    world.endpoint(service, inner, 'shop', `${service}-1`)
  }

  const { certificatePem, privateKeyPem, bundlePem } = identityOf('caller')
  const files = { certificate: certificatePem, key: privateKeyPem, roots: bundlePem }
  const at = (name: keyof typeof files) => join(world.folder, `${name}.pem`)
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name as keyof typeof files), text)
  const provider = {
    plugin_name: 'file_watcher',
    config: {
      certificate_file: at('certificate'),
      private_key_file: at('key'),
      ca_certificate_file: at('roots'),
      refresh_interval: '600s',
    },
  }
  const client = start(
    world.bootstrap(
      'mtls',
      { [NODE_MUTUAL_TLS]: 'true' },
      { certificate_providers: { [CERTIFICATE_PROVIDER]: provider } },
    ),
  )
  await until(() => client.call(target('secret'), { mtls: true }), only('secret'))
  assert.deepEqual((await client.call(target('secret'), { mtls: true, count: 20 })).answers, { secret: 20 })
  const plaintext = await client.call(target('secret'), { deadlineMs: 1000 })
  assert.ok(!('secret' in plaintext.answers), 'plaintext reaches nobody')
  // Written before the one that was waited for: it is there.
  const other = await client.call(target('other'), { mtls: true, deadlineMs: 20_000 })
  assert.deepEqual(other.answers, { UNAVAILABLE: 1 }, 'a server with another identity is refused')
  return undefined
}
