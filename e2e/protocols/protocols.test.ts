import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { DETECT_TIMEOUT_MS } from '../../control-plane/xds/filters.ts'
import { startCluster } from '../../local/cluster.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'

// Every appProtocol and what goes without one, between two pods with sidecars as the control plane configures them.

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false
const CALLER = 'spiffe://cluster.local/ns/shop/sa/client'

const DECLARED: Readonly<Record<number, string>> = {
  8001: 'http',
  8002: 'https',
  8003: 'kubernetes.io/h2c',
  8004: 'kubernetes.io/ws',
  8005: 'grpc',
  8006: 'tcp',
  8007: 'tls',
  8008: 'http',
}
const UNDECLARED = [9001, 9002, 9003, 9004, 9005, 9006, 25, 3306, 5432, 6379, 11211]

/** Flow style: the same as YAML and JSON. */
function manifests(): string {
  const root = createRoot('example', Date.now())
  const key = generateKey()
  const { chain } = issueServer(root, {
    dnsNames: ['shop.example'],
    publicKey: createPublicKey(key),
    now: Date.now(),
  })
  const pod = (
    name: string,
    command: string[],
    env: Record<string, string>,
    readinessProbe: object,
    annotations = {},
  ) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: name }, annotations },
    spec: {
      serviceAccountName: name,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name,
          image: 'test/protocols:v1',
          command,
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          readinessProbe,
        },
      ],
    },
  })
  const ports = [...Object.keys(DECLARED).map(Number), ...UNDECLARED].map((port) => ({
    name: `p${port}`,
    port,
    ...(DECLARED[port] === undefined ? {} : { appProtocol: DECLARED[port] }),
  }))
  const account = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: 'shop' },
  })
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } },
    },
    account('app'),
    account('client'),
    pod(
      'app',
      ['node', 'server.ts'],
      { TLS_CERT: certificatesPem(chain), TLS_KEY: privateKeyPem(key) },
      { httpGet: { path: '/', port: 8001 }, periodSeconds: 1 },
      { 'weft.dev/opaque-ports': '9006' },
    ),
    pod(
      'client',
      ['sleep', 'infinity'],
      { TLS_CA: certificatesPem([root.certificate]) },
      { exec: { command: ['test', '-e', '/app/client.ts'] }, periodSeconds: 1 },
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'app', namespace: 'shop' },
      spec: { selector: { app: 'app' }, ports },
    },
    // Nothing but mutual TLS between sidecars gets in: what arrives came through both.
    {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'PeerAuthentication',
      metadata: { name: 'default', namespace: 'shop' },
      spec: { mtls: { mode: 'STRICT' } },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n')
}

interface Probe {
  readonly said: string
  readonly ms: number
}

t.test('each protocol, through the sidecars of two pods', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-protocols-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'shop.yaml'), manifests())
  const cluster = await startCluster({
    dirs: [directory],
    name: `protocols-${process.pid}`,
    images: { 'test/protocols': join(import.meta.dirname, 'app') },
  })
  t.teardown(() => cluster.close())
  await cluster.ready
  const { stdout, stderr, code } = await cluster.exec('shop/client', ['node', 'client.ts'], {
    timeoutMs: 60_000,
  })
  t.equal(code, 0, stderr)
  const seen = JSON.parse(stdout) as Record<string, Probe>
  const said = (name: string): string | undefined => seen[name]?.said

  // Requests: the server's sidecar tells who calls.
  t.equal(said('http'), `HTTP/1.1 ${CALLER}`)
  t.equal(said('kubernetes.io/h2c'), `HTTP/2.0 ${CALLER}`)
  t.equal(said('kubernetes.io/ws'), `frames ${CALLER}`)
  t.equal(said('http on a port of kubernetes.io/ws'), `HTTP/1.1 ${CALLER}`)
  t.equal(said('grpc'), `hi 0 ${CALLER}`)
  t.equal(said('undeclared HTTP/1.1'), `HTTP/1.1 ${CALLER}`)
  t.equal(said('undeclared HTTP/2'), `HTTP/2.0 ${CALLER}`)

  // Bytes: nothing is looked into and nothing added.
  t.equal(said('https'), 'HTTP/1.1 unseen', 'answered below the certificate of the application')
  t.equal(said('tcp'), 'GET /  HTTP/1.1\r\nhost:  as it is\r\n\r\n')
  for (const name of ['tls', 'undeclared TLS'])
    t.equal(said(name), 'shop.example own-protocol end true', name)
  t.match(said('own TLS on a port of http'), /^failed: /, 'nothing but requests gets into a port of HTTP')
  t.equal(said('undeclared, unknown bytes'), '\0\x01\xff binary')
  t.equal(said('undeclared, a line of text'), 'HELO there\r\n')
  t.equal(said('undeclared, cut in its first word'), 'GE', 'after the detection timeout')

  // Servers that speak first: known ports and declared ones never wait, others as long as detection does.
  for (const port of [25, 3306, 5432, 6379, 11211]) t.equal(said(`port ${port}`), `220 ${port} ready\r\n`)
  t.equal(said('declared opaque, the server first'), '220 9006 ready\r\n')
  t.equal(said('undeclared, the server first'), '220 9005 ready\r\n')
  t.ok((seen['undeclared, the server first']?.ms ?? 0) >= DETECT_TIMEOUT_MS - 50, 'it was waited for')
  // All probes run at once: whoever was not waited for is done before the one that was.
  const first = seen['undeclared, the server first']?.ms ?? 0
  for (const name of Object.keys(seen).filter((one) => one.startsWith('port ') || one.startsWith('declared')))
    t.ok((seen[name]?.ms ?? Infinity) < first, `${name} did not wait`)
})
