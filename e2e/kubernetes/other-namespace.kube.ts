import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { play } from '../demo/scenario.ts'
import { inject } from '../demo/steps/inject.ts'
import { mtls } from '../demo/steps/mtls.ts'
import { startCluster } from './cluster/cluster.ts'
import { installMesh } from './mesh/install.ts'
import { DEMO_MANIFESTS, kubernetesMesh } from './mesh/kubernetes-mesh.ts'
import { weftCommand, wrongFindings, type Finding } from './mesh/weft-command.ts'

const NAMESPACE = 'mesh-b'
const HOST = `weft-control-plane.${NAMESPACE}.svc`
const SHOP = ['namespaces', 'catalog', 'client', 'inventory', 'web']
const ONE = { controlPlane: { replicas: 1 }, injector: { replicas: 1 } }

/** Begins TLS with the control plane as a sidecar does that expects this name; prints `ok` or why not. */
const GREET = `
const [, address, name, ca] = process.argv
const socket = require('node:tls').connect({ host: address, port: 15012, servername: name, ca, ALPNProtocols: ['h2'] })
socket.on('secureConnect', () => { console.log('ok'); socket.destroy() })
socket.on('error', (error) => console.log(error.code))
`

t.test('a mesh in a namespace of another name', async (t) => {
  const cluster = await startCluster({ mode: 'node', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  await installMesh(cluster, (line) => t.comment(line), ONE, NAMESPACE)
  for (const file of SHOP) {
    const stdin = await readFile(join(DEMO_MANIFESTS, `${file}.yaml`), 'utf8')
    await cluster.kubectl(['apply', '--filename', '-'], { stdin })
  }
  const available = ['wait', '--for=condition=Available', 'deployment', '--all', '--timeout=180s']
  for (const namespace of ['shop', 'legacy']) await cluster.kubectl([...available, '--namespace', namespace])

  const results = await play([inject, mtls], kubernetesMesh(cluster), (name) => t.comment(`step ${name}`))
  for (const step of results) t.ok(step.ok, `${step.name}: ${step.observed}`)

  const get = (path: string, ...args: string[]) =>
    cluster.kubectl(['get', ...args, `--output=jsonpath=${path}`])
  const sidecars = await get(
    '{.items[*].spec.initContainers[?(@.name=="weft-proxy")].args}',
    ...['pods', '--namespace=shop'],
  )
  t.match(sidecars, `"${HOST}:15012"`, 'sidecars call the control plane of their installation')
  const address = await get('{.spec.clusterIP}', 'service', 'weft-control-plane', '--namespace', NAMESPACE)
  const roots = await get('{.data.root-cert\\.pem}', 'configmap', 'weft-ca', '--namespace', NAMESPACE)
  const greet = async (name: string) =>
    (await cluster.exec([process.execPath, '-e', GREET, address, name, roots])).stdout.trim()
  t.equal(await greet(HOST), 'ok')
  t.equal(
    await greet('weft-control-plane.weft-system.svc'),
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'and it is known by no name of another namespace',
  )

  const { code, result } = await weftCommand(cluster.kubeconfig, 'check', '--weft-namespace', NAMESPACE)
  t.strictSame(wrongFindings((result as { findings: readonly Finding[] }).findings), [])
  t.equal(code, 0)
  t.equal(cluster.failure, undefined)
})
