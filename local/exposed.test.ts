import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startCluster } from './cluster.ts'
import { findLacks, thisMachine } from './requirements.ts'

// What of the one-machine cluster needs the mesh: calls of this machine through a sidecar, and Jobs that have one.

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

function server(name: string, namespace: string, app: string) {
  const code = `require('node:http').createServer((q, r) => r.end('${name}')).listen(8080)`
  const labels = { app, version: name }
  const container = {
    name: 'server',
    image: 'node:26',
    command: ['node', '-e', code],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  }
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: { terminationGracePeriodSeconds: 0, containers: [container] },
    },
    service(name, namespace, { version: name }),
  ]
}

function service(name: string, namespace: string, selector: object) {
  const ports = [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }]
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector, ports } }
}

const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } },
  },
  {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default', namespace: 'shop' },
    spec: { mtls: { mode: 'STRICT' } },
  },
  ...server('old', 'shop', 'web'),
  ...server('new', 'shop', 'web'),
  service('web', 'shop', { app: 'web' }),
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }],
      rules: [
        {
          backendRefs: [
            { name: 'old', port: 80, weight: 80 },
            { name: 'new', port: 80, weight: 20 },
          ],
        },
      ],
    },
  },
  ...server('plain', 'default', 'plain'),
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'call', namespace: 'shop' },
    spec: {
      template: {
        spec: {
          restartPolicy: 'OnFailure',
          terminationGracePeriodSeconds: 5,
          containers: [
            { name: 'call', image: 'curl', command: ['curl', '-fsS', '-m', '10', 'http://plain.default'] },
          ],
        },
      },
    },
  },
]

t.test('this machine calls through a sidecar', { skip, timeout: 180_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-exposed-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(
    join(directory, 'all.json'),
    JSON.stringify({ kind: 'List', apiVersion: 'v1', items: OBJECTS }),
  )
  const cluster = await startCluster({ manifests: [directory], name: `exposed-${process.pid}` })
  t.teardown(() => cluster.close())
  const [web, plain] = await Promise.all([cluster.expose('web.shop:80'), cluster.expose('plain.default:80')])
  const ask = async (port: number) => (await fetch(`http://127.0.0.1:${port}/`)).text()
  // Long before the mesh is there: it waits.
  const early = ask(plain)
  await cluster.ready

  await t.test('a split holds to the request, where only the mesh is let in', async (t) => {
    // One that met no route yet would be none of the split.
    while ((await ask(web)) !== 'new');
    const answers: string[] = []
    for (let count = 0; count < 100; count++) answers.push(await ask(web))
    const old = answers.filter((answer) => answer === 'old').length
    // Of each five picks one is the new one, and these may begin within such five.
    t.ok(old >= 79 && old <= 81, `${old} of 100`)
  })

  await t.test(
    'a Service without sidecars is reached too, and who came early was not forgotten',
    async (t) => {
      t.equal(await early, 'plain')
      t.equal(await ask(plain), 'plain')
    },
  )

  await t.test('a Job with a sidecar ends', async (t) => {
    const pod = async () => (await cluster.status()).pods.find((own) => own.name.startsWith('call-'))
    while ((await pod())?.phase !== 'Succeeded') await new Promise((resolve) => setTimeout(resolve, 50))
    while ((await pod())?.containers.some((one) => one.state.type === 'running') !== false)
      await new Promise((resolve) => setTimeout(resolve, 50))
    let said = ''
    for await (const text of cluster.logs('shop/call', { container: 'call' })) said += text
    t.equal(said, 'plain')
  })
})
