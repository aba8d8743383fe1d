import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { extract } from 'tar-stream'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { kubeconfigText } from '../../control-plane/kubernetes/testing/kubeconfig-text.ts'
import { fakeKubelet } from '../cluster/testing/fake-kubelet.ts'
import { ReportArchive } from './report-archive.ts'

const PROGRAM = join(import.meta.dirname, '../weft.ts')
const SYSTEM = '/api/v1/namespaces/weft-system'
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ'
const KEY = 'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgplanted'
const PEM = `-----BEGIN PRIVATE KEY-----\n${KEY}\n-----END PRIVATE KEY-----\n`
/** Where each was planted, and what may be nowhere. */
const PLANTED = {
  variable: 'planted-in-env-1',
  database: 'planted-in-url-2',
  annotation: 'planted-in-annotation-3',
  header: 'planted-in-header-4',
  log: 'planted-in-log-5',
  query: 'planted-in-query-6',
  event: 'planted-in-event-7',
  page: 'planted-in-page-8',
  jwt: JWT,
  key: KEY,
}

/** The files of an archive by their names without the folder. */
async function filesOf(archive: Buffer): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  const entries = extract()
  entries.end(gunzipSync(archive))
  for await (const entry of entries) files.set(entry.header.name.replace(/^[^/]+\//, ''), await text(entry))
  return files
}

async function cluster(t: Test) {
  const api = await FakeApi.start(t)
  const admin = createServer((request, response) => {
    const filters = [
      { jwks: { kty: 'oct', k: PLANTED.page } },
      { name: 'authorization', exact: PLANTED.header },
    ]
    response.end(JSON.stringify({ page: request.url, filters }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => admin.once('listening', resolve))
  t.teardown(() => admin.close())
  api.upgrade = fakeKubelet(t, (admin.address() as AddressInfo).port).upgrade
  api.put(`${SYSTEM}/pods/one`, {
    metadata: { name: '' },
    status: { containerStatuses: [{ name: 'control-plane', restartCount: 1 }] },
  })
  api.put('/api/v1/namespaces/shop/pods/web', {
    metadata: {
      name: '',
      labels: { 'weft.dev/injected': 'true' },
      annotations: { 'weft.dev/status': '{"version":"0.1.0"}', 'example.org/password': PLANTED.annotation },
    },
    spec: {
      containers: [
        {
          name: 'app',
          args: [`--token=${JWT}`],
          env: [
            { name: 'MODE', value: PLANTED.variable },
            { name: 'DATABASE', value: `postgres://a:${PLANTED.database}@db/shop` },
          ],
        },
        { name: 'weft-proxy' },
      ],
    },
    status: { containerStatuses: [{ name: 'app' }, { name: 'weft-proxy' }] },
  })
  api.put('/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/web', {
    metadata: { name: '', managedFields: [{ manager: 'kubectl' }] },
    spec: {
      rules: [
        {
          filters: [{ requestHeaderModifier: { set: [{ name: 'Authorization', value: PLANTED.header }] } }],
          backendRefs: [{ name: 'web', port: 80 }],
        },
      ],
    },
  })
  api.put('/api/v1/namespaces/shop/secrets/db', {
    kind: 'Secret',
    data: { password: 'unread' },
    metadata: { name: '' },
  })
  api.put('/api/v1/namespaces/shop/events/one', {
    metadata: { name: '' },
    message: `cannot pull with password=${PLANTED.event}`,
    reason: 'Failed',
  })
  const logs: Record<string, string> = {
    one: `${'x'.repeat(300_000)}\n{"level":"info","authorization":"${PLANTED.log}","url":"/a?code=${PLANTED.query}"}\n${PEM}`,
    web: `the application printed ${PLANTED.variable} and ${PLANTED.database} and Bearer ${JWT}\nlast line\n`,
  }
  const pages: Record<string, object> = {
    mesh: { version: 1, note: PEM },
    problems: { problems: [] },
    proxies: { proxies: [{ namespace: 'shop', pod: 'web', version: 1, rejected: '' }] },
  }
  api.hook = (asked) => {
    const pod = /\/pods\/([^/]+)\/log$/.exec(asked)?.[1]
    if (pod !== undefined) return { status: 200, body: logs[pod] ?? '' }
    const page = /\/one:15080\/proxy\/api\/(.*)$/.exec(asked)?.[1]
    if (page !== undefined) return pages[page] ? { status: 200, body: pages[page] } : { status: 404 }
    if (asked.endsWith('/version')) return { status: 200, body: { gitVersion: 'v1.36.0' } }
    if (asked.endsWith('/nodes')) return { status: 403 }
    return undefined
  }
  const directory = t.testdir({ config: kubeconfigText(api.url) })
  const weft = (...argv: readonly string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const args = [PROGRAM, 'bundle', ...argv, '--kubeconfig', join(directory, 'config')]
      execFile(process.execPath, args, { cwd: directory }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      )
    })
  return { api, weft, directory }
}

t.test('one file with what a report of a cluster needs, and no secret in any of it', async (t) => {
  const { api, weft, directory } = await cluster(t)
  const file = join(directory, 'bug.tar.gz')
  const { code, stdout, stderr } = await weft('-o', 'bug.tar.gz', '--application-logs', '--json')
  t.equal(code, 0, stderr)
  t.match(stderr, /weft check \.\.\.\n[\s\S]*configuration and logs of \d+ sidecars \.\.\.\n/)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const archive = readFileSync(file)
  const whole = gunzipSync(archive).toString('latin1')
  for (const [where, secret] of Object.entries(PLANTED)) {
    t.notOk(whole.includes(secret), where)
    t.notOk(whole.includes(Buffer.from(secret).toString('base64')), `${where} in base64`)
    t.notOk(stdout.includes(secret), `${where} in the list`)
  }
  t.notOk(api.asked.some((one) => one.includes('/secrets/db')))
  const files = await filesOf(archive)
  const told = JSON.parse(stdout) as { files: { name: string; bytes: number }[]; leftOut: { name: string }[] }
  t.strictSame([...files.keys()], ['contents.json', ...told.files.map(({ name }) => name)])
  for (const { name, bytes } of told.files) t.equal(Buffer.byteLength(files.get(name) ?? ''), bytes, name)
  for (const name of [
    'machine.json',
    'kubernetes.json',
    'versions.json',
    'check.json',
    'proxies.json',
    'control-planes/one/problems.json',
    'objects/HTTPRoute.json',
    'objects/AuthorizationPolicy.json',
    'weft/Deployment.json',
    'events.json',
    'sidecars/shop/web/config.json',
    'sidecars/shop/web/stats.json',
    'sidecars/shop/web/pod.json',
    'logs/weft-system/one/control-plane.previous.log',
  ])
    t.ok(files.has(name), `${name}: ${JSON.stringify(told.leftOut)}`)
  t.match(files.get('logs/shop/web/app.log'), /^the application printed \[redacted\] and .*\nlast line\n$/)
  t.match(files.get('logs/weft-system/one/control-plane.log'), /^\{"level":"info"[^x]*\[redacted\]\n$/)
  t.match(JSON.parse(files.get('objects/HTTPRoute.json') ?? ''), [
    { spec: { rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] } },
  ])
  t.match(JSON.parse(files.get('contents.json') ?? ''), { mesh: 'cluster', leftOut: told.leftOut })
  t.match(told.leftOut, [{ name: 'nodes.json', why: /grant verb "list" on resource "nodes"/ }])

  await t.test('it is not written over a file, and a namespace narrows it', async (t) => {
    t.match(await weft('-o', 'bug.tar.gz'), { code: 1, stderr: /--output: bug.tar.gz is there already/ })
    t.match(await weft('-n', '../x'), { code: 2, stderr: /--namespace: "..\/x" is no name of a namespace/ })
    const { stdout } = await weft('-o', 'other.tar.gz', '-n', 'other')
    t.match(stdout, /^other.tar.gz: \d+ files, \d+ KiB\nleft out: nodes.json: /)
    const narrowed = await filesOf(readFileSync(join(directory, 'other.tar.gz')))
    t.notOk([...narrowed.keys()].some((name) => name.includes('shop')))
    t.ok(narrowed.has('logs/weft-system/one/control-plane.log'))
  })
})

t.test('what is too large is cut or left out, and said', async (t) => {
  const archive = new ReportArchive({ json: 100, log: 50, total: 150 })
  archive.json('large.json', 'x'.repeat(200))
  archive.json('small.json', { a: 1 })
  archive.log('long.log', `${'first\n'.repeat(20)}last\n`)
  archive.log('short.log', 'one\n')
  archive.log('more.log', 'x'.repeat(49))
  archive.log('too-much.log', 'x'.repeat(49))
  await archive.take('failing.json', () => Promise.reject(new Error('password=hidden')))
  const { bytes, leftOut } = await archive.finish('report', {})
  const files = await filesOf(bytes)
  t.strictSame([...files.keys()], ['contents.json', 'small.json', 'long.log', 'short.log', 'more.log'])
  t.match(files.get('long.log'), /^(first\n){7}last\n$/)
  t.strictSame(leftOut, [
    { name: 'large.json', why: 'it has more than 100 bytes' },
    { name: 'long.log, its beginning', why: 'it has more than 50 bytes' },
    { name: 'too-much.log', why: 'all together would have more than 150 bytes' },
    { name: 'failing.json', why: 'password=[redacted]' },
  ])
})
