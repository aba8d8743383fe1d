import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { DETECT_TIMEOUT_MS } from '../../control-plane/xds/filters.ts'
import { SERVER_FIRST_PORTS, SERVER_FIRST_WORDS } from '../../control-plane/model/protocol.ts'
import { startCluster } from '../../local/cluster.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'

// Every appProtocol and what goes without one, between two pods with sidecars as the control plane configures them, and
// servers that speak first, also to a caller without a sidecar.

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
/** Named by a word of a protocol whose server speaks first; no well-known port. */
const NAMED = new Map(SERVER_FIRST_WORDS.map((word, i) => [9100 + i, word]))
/** Their servers greet, and none of these ports has an appProtocol. Of three the client speaks first, though never HTTP. */
const GREETING = [...Object.keys(SERVER_FIRST_PORTS).map(Number), 5432, 6379, 11211, ...NAMED.keys()]
const UNDECLARED = [9001, 9002, 9003, 9004, 9005, 9006, 9007, ...GREETING]
/** Without a slash; the server redirects it, and then answers the kubelet alone. */
const PROBE = { httpGet: { path: 'up', port: 8001 }, periodSeconds: 1 }
/** Of a pod that two Services call by one port, which one of them says is HTTP. */
const MIXED = 9010

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
    namespace = 'shop',
  ) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name }, annotations },
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
    name: NAMED.get(port) ?? `p${port}`,
    port,
    ...(DECLARED[port] === undefined ? {} : { appProtocol: DECLARED[port] }),
  }))
  const account = (name: string, namespace = 'shop') => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace },
  })
  const openPorts = [MIXED, 3306, 4222]
  const openService = (name: string, ports: readonly object[]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'open' },
    spec: { selector: { app: 'mixed' }, ports },
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
      { TLS_CERT: certificatesPem(chain), TLS_KEY: privateKeyPem(key), GREETING_PORTS: GREETING.join() },
      PROBE,
      { 'weft.dev/opaque-ports': '9006' },
    ),
    pod(
      'client',
      ['sleep', 'infinity'],
      { TLS_CA: certificatesPem([root.certificate]), GREETING_PORTS: GREETING.join() },
      { exec: { command: ['test', '-e', '/app/client.ts'] }, periodSeconds: 1 },
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'app', namespace: 'shop' },
      spec: { selector: { app: 'app' }, ports },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'late', namespace: 'shop' },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'app', port: 9007 }],
        rules: [
          {
            filters: [
              {
                type: 'ResponseHeaderModifier',
                responseHeaderModifier: { set: [{ name: 'x-routed', value: 'yes' }] },
              },
            ],
            backendRefs: [{ name: 'app', port: 9007 }],
          },
        ],
      },
    },
    // Lets plaintext in, and is called by a pod without a sidecar.
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'open', labels: { 'weft.dev/inject': 'enabled' } },
    },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'legacy' } },
    account('mixed', 'open'),
    account('plain', 'legacy'),
    pod(
      'mixed',
      ['node', 'server.ts'],
      { TLS_CERT: certificatesPem(chain), TLS_KEY: privateKeyPem(key), GREETING_PORTS: openPorts.join() },
      PROBE,
      {},
      'open',
    ),
    pod(
      'plain',
      ['sleep', 'infinity'],
      {},
      { exec: { command: ['test', '-e', '/app/plain-client.ts'] }, periodSeconds: 1 },
      {},
      'legacy',
    ),
    openService(
      'mixed',
      openPorts.map((port) => ({ name: `p${port}`, port })),
    ),
    openService('mixed-http', [{ name: 'web', port: 80, targetPort: MIXED, appProtocol: 'http' }]),
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
    manifests: [directory],
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
  for (const port of GREETING) t.equal(said(`port ${port}`), `220 ${port} ready\r\n`)
  t.match(
    said('undeclared, routed and late'),
    /^HTTP\/1.1 200 [^]*x-routed: yes\r\n/i,
    'silence is waited for',
  )
  t.equal(said('declared opaque, the server first'), '220 9006 ready\r\n')
  t.equal(said('undeclared, the server first'), '220 9005 ready\r\n')
  t.ok((seen['undeclared, the server first']?.ms ?? 0) >= DETECT_TIMEOUT_MS - 50, 'it was waited for')
  // All probes run at once: whoever was not waited for is done before the one that was.
  const first = seen['undeclared, the server first']?.ms ?? 0
  for (const name of Object.keys(seen).filter((one) => one.startsWith('port ') || one.startsWith('declared')))
    t.ok((seen[name]?.ms ?? Infinity) < first, `${name} did not wait`)

  // A caller without a sidecar, in plaintext.
  const servers = [MIXED, 3306, 4222].map((port) => `mixed.open:${port}`)
  const plain = await cluster.exec('legacy/plain', ['node', 'plain-client.ts', ...servers], {
    timeoutMs: 60_000,
  })
  t.equal(plain.code, 0, plain.stderr)
  const heard = JSON.parse(plain.stdout) as Record<string, Probe>
  for (const server of servers)
    t.equal(heard[server]?.said, `220 ${server.replace(/.*:/, '')} ready\r\n`, server)
  for (const server of servers.slice(1))
    t.ok((heard[server]?.ms ?? Infinity) < (heard[servers[0] ?? '']?.ms ?? 0), `${server} did not wait`)
})
