import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { KubernetesError } from './api-error.ts'
import type { WatchEvent } from './connection.ts'
import { openConnection } from './open-connection.ts'
import { HttpConnection } from './http-connection.ts'
import { inClusterCredentials, isInCluster } from './in-cluster.ts'
import { kubeconfigCredentials, kubeconfigFiles } from './kubeconfig.ts'
import { LineReader } from './line-reader.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function serving(t: Test, answer: Answer, token: () => string = () => 'a'): Promise<HttpConnection> {
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const connection = new HttpConnection({
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: 'weft-system',
    current: async () => ({ headers: { authorization: `Bearer ${token()}` }, tls: {}, proxy: undefined }),
  })
  t.teardown(async () => {
    await connection.close()
    server.closeAllConnections()
    server.close()
  })
  return connection
}

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-connection-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function failure(promise: Promise<unknown>): Promise<KubernetesError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof KubernetesError) return error
  throw error
}

t.test('a request says what it is told to, and gives the parsed answer', async (t) => {
  const connection = await serving(t, (request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () =>
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          type: request.headers['content-type'],
          text,
        }),
      ),
    )
  })
  t.strictSame(
    await connection.request({
      method: 'PATCH',
      path: '/api/v1/namespaces/shop/configmaps/a',
      query: { fieldManager: 'weft-control-plane', force: true, absent: undefined },
      contentType: 'application/apply-patch+yaml',
      body: { a: 'é' },
    }),
    {
      method: 'PATCH',
      url: '/api/v1/namespaces/shop/configmaps/a?fieldManager=weft-control-plane&force=true',
      type: 'application/apply-patch+yaml',
      text: '{"a":"é"}',
    },
  )
})

t.test('a refusal says who refused what, why, and for 403 which rule is missing', async (t) => {
  const status =
    (code: number, reason: string, message: string) => (_: unknown, response: ServerResponse) => {
      response.statusCode = code
      response.end(JSON.stringify({ kind: 'Status', message, reason, code }))
    }
  const forbidden = await serving(t, status(403, 'Forbidden', 'no'))
  const error = await failure(
    forbidden.request({ method: 'GET', path: '/apis/gateway.networking.k8s.io/v1/httproutes' }),
  )
  t.equal(
    error.message,
    `list httproutes at ${forbidden.server}: 403 Forbidden: no; grant verb "list" on resource "httproutes" of ` +
      `apiGroup "gateway.networking.k8s.io" in a ClusterRole`,
  )
  t.match(error, { code: 'kubernetes.forbidden', status: 403, reason: 'Forbidden' })
  const watch = await failure(forbidden.watch({ path: '/api/v1/pods', silenceMs: 0 }, () => {}))
  t.match(watch.message, /^watch pods at .*grant verb "watch" on resource "pods" of apiGroup ""/)
  const named = await failure(
    forbidden.request({ method: 'PUT', path: '/api/v1/namespaces/shop/secrets/a', body: {} }),
  )
  t.match(
    named.message,
    /^update secrets shop\/a at .* named "a" of apiGroup "" in a Role in namespace shop$/,
  )
  const other = await failure(forbidden.request({ method: 'GET', path: '/readyz' }))
  t.match(other.message, /grant verb "get" on nonResourceURL "\/readyz"$/)

  const cases: [number, string, string][] = [
    [404, 'NotFound', 'kubernetes.not_found'],
    [409, 'Conflict', 'kubernetes.conflict'],
    [410, 'Expired', 'kubernetes.gone'],
    [422, 'Invalid', 'kubernetes.invalid'],
    [503, 'ServiceUnavailable', 'kubernetes.server'],
  ]
  for (const [code, reason, expected] of cases) {
    const connection = await serving(t, status(code, reason, 'text'))
    t.match(await failure(connection.request({ method: 'GET', path: '/api/v1/pods' })), {
      code: expected,
      reason,
    })
  }
})

t.test('Retry-After is passed on, and a body that is no Status is told in short', async (t) => {
  const connection = await serving(t, (_, response) => {
    response.statusCode = 429
    response.setHeader('retry-after', '3')
    response.end(`<html>${'x'.repeat(500)}\nmore`)
  })
  const error = await failure(connection.request({ method: 'GET', path: '/api/v1/pods' }))
  t.equal(error.retryAfterMs, 3000)
  t.ok(error.message.length < 300)
})

t.test('no answer, a late one, a cut one and one that is no JSON are errors of their own kind', async (t) => {
  const mute = await serving(t, () => {})
  const late = await failure(mute.request({ method: 'GET', path: '/api/v1/pods', timeoutMs: 30 }))
  t.equal(late.code, 'kubernetes.timeout')
  t.match(late.message, /^list pods at http.*: nothing came for 0.03 s$/)
  const stop = new AbortController()
  const given = failure(mute.request({ method: 'GET', path: '/api/v1/pods', signal: stop.signal }))
  stop.abort()
  t.equal((await given).code, 'kubernetes.aborted')
  const pending = failure(mute.watch({ path: '/api/v1/pods', silenceMs: 0 }, () => {}))
  await mute.close()
  t.equal((await pending).code, 'kubernetes.aborted')

  const closed = new HttpConnection({
    server: 'http://127.0.0.1:1',
    namespace: '',
    current: async () => ({ headers: {}, tls: {}, proxy: undefined }),
  })
  const refused = await failure(closed.request({ method: 'GET', path: '/api/v1/pods' }))
  t.equal(refused.code, 'kubernetes.unreachable')
  t.match(refused.message, /ECONNREFUSED/)

  const cut = await serving(t, (_, response) => {
    response.write('{"a":')
    setImmediate(() => response.destroy())
  })
  t.equal((await failure(cut.request({ method: 'GET', path: '/a' }))).code, 'kubernetes.unreachable')
  const html = await serving(t, (_, response) => response.end('<html>'))
  t.equal((await failure(html.request({ method: 'GET', path: '/a' }))).code, 'kubernetes.malformed')
})

t.test('a 401 is asked again once, with the token that is there then', async (t) => {
  let token = 'old'
  const seen: unknown[] = []
  const connection = await serving(
    t,
    (request, response) => {
      seen.push(request.headers.authorization)
      response.statusCode = request.headers.authorization === 'Bearer new' ? 200 : 401
      if (token === 'old') token = 'new'
      response.end('{}')
    },
    () => token,
  )
  t.strictSame(await connection.request({ method: 'GET', path: '/a' }), {})
  t.strictSame(seen, ['Bearer old', 'Bearer new'])
  token = 'wrong'
  t.equal((await failure(connection.request({ method: 'GET', path: '/a' }))).code, 'kubernetes.unauthorized')
  t.equal(seen.length, 4)
})

t.test('a watch gives events as they come, and tells its end from a break and from silence', async (t) => {
  let end: ((response: ServerResponse) => void) | undefined
  const connection = await serving(t, (request, response) => {
    t.equal(request.url, '/api/v1/pods?resourceVersion=7&watch=true')
    response.write('{"type":"ADDED","object":{"a":1}}\n{"type":"MODI')
    setImmediate(() => {
      response.write('FIED","object":{"a":2}}\n', () => setImmediate(() => end?.(response)))
    })
  })
  const run = async (silenceMs: number): Promise<{ events: WatchEvent[]; error?: unknown }> => {
    const events: WatchEvent[] = []
    const request = { path: '/api/v1/pods', query: { resourceVersion: '7' }, silenceMs }
    const error = await connection
      .watch(request, (event) => events.push(event))
      .then(
        () => undefined,
        (reason: unknown) => reason,
      )
    return { events, error }
  }
  end = (response) => response.end()
  t.match(await run(0), {
    events: [{ type: 'ADDED' }, { type: 'MODIFIED', object: { a: 2 } }],
    error: undefined,
  })
  end = (response) => response.destroy()
  t.match(await run(0), { events: [{ type: 'ADDED' }], error: { code: 'kubernetes.unreachable' } })
  end = (response) => response.end('{"type":"ADDED"')
  t.match(await run(0), { events: { length: 2 }, error: { code: 'kubernetes.unreachable' } })
  end = (response) => response.end('{"type":"OTHER"}\n')
  t.match(await run(0), { events: { length: 2 }, error: { code: 'kubernetes.malformed' } })
  end = undefined
  t.match(await run(50), { events: { length: 2 }, error: { code: 'kubernetes.timeout' } })
})

t.test('a pod reads its token and CA again for every request', async (t) => {
  const files = directory(t)
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
  t.equal(isInCluster(env, files), false)
  writeFileSync(join(files, 'token'), 'one\n')
  writeFileSync(join(files, 'ca.crt'), 'CA')
  writeFileSync(join(files, 'namespace'), 'weft-system')
  t.equal(isInCluster(env, files), true)
  t.equal(isInCluster({}, files), false)
  const credentials = inClusterCredentials(env, files)
  t.equal(credentials.server, 'https://[fd00::1]:443')
  t.equal(credentials.namespace, 'weft-system')
  t.match(await credentials.current(), { headers: { authorization: 'Bearer one' }, tls: { ca: 'CA' } })
  writeFileSync(join(files, 'token'), 'two\n')
  t.match(await credentials.current(), { headers: { authorization: 'Bearer two' } })
  rmSync(join(files, 'token'))
  await t.rejects(credentials.current(), { code: 'kubernetes.credentials', field: join(files, 'token') })
})

t.test('a kubeconfig gives the chosen context, and each mistake in it by name', async (t) => {
  const folder = directory(t)
  const file = join(folder, 'config')
  const config = (server = 'https://one:6443'): string => `apiVersion: v1
kind: Config
current-context: first
clusters:
  - { name: one, cluster: { server: '${server}', certificate-authority-data: ${btoa('CA')} } }
  - { name: two, cluster: { server: 'https://two:6443/path/', insecure-skip-tls-verify: true } }
contexts:
  - { name: first, context: { cluster: one, user: token } }
  - { name: second, context: { cluster: two, user: password, namespace: shop } }
  - { name: third, context: { cluster: two, user: plugin } }
  - { name: wrong, context: { cluster: none, user: token } }
users:
  - { name: token, user: { token: secret } }
  - { name: password, user: { username: u, password: p } }
  - name: plugin
    user: { exec: { apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, "echo '{\\"status\\":{\\"token\\":\\"made\\"}}'"] } }
`
  writeFileSync(file, config())
  const first = await kubeconfigCredentials([file], undefined)
  t.equal(first.server, 'https://one:6443')
  t.equal(first.namespace, 'default')
  t.match(await first.current(), {
    headers: { authorization: 'Bearer secret' },
    tls: { ca: Buffer.from('CA') },
  })
  const second = await kubeconfigCredentials([file], 'second')
  t.equal(second.server, 'https://two:6443/path')
  t.equal(second.namespace, 'shop')
  t.match(await second.current(), {
    headers: { authorization: `Basic ${btoa('u:p')}` },
    tls: { rejectUnauthorized: false },
  })
  const third = await kubeconfigCredentials([file], 'third')
  t.match(await third.current(), { headers: { authorization: 'Bearer made' } })

  const fails = (files: string[], context: string | undefined, message: RegExp) =>
    t.rejects(kubeconfigCredentials(files, context), { code: 'kubernetes.kubeconfig', message })
  await fails([file], 'none', /has no context "none"; it has first, second, third, wrong/)
  await fails([file], 'wrong', /context "wrong" names cluster "none"/)
  await fails([join(folder, 'absent')], undefined, /ENOENT/)
  writeFileSync(file, 'a: [b')
  await fails([file], undefined, /is no kubeconfig that can be read/)
  writeFileSync(file, '{}')
  await fails([file], undefined, /has no current-context/)
  writeFileSync(file, config('one:6443'))
  await fails([file], undefined, /must begin with https:\/\//)

  const other = join(folder, 'other')
  writeFileSync(file, config())
  writeFileSync(
    other,
    config('https://other')
      .replaceAll('second', 'fourth')
      .replace('name: token, user: { token: secret }', 'name: token, user: { token: b }'),
  )
  t.equal(
    (await kubeconfigCredentials([file, other], 'first')).server,
    'https://one:6443',
    'the first file counts',
  )
  t.equal((await kubeconfigCredentials([file, other], 'fourth')).namespace, 'shop')
  mkdirSync(join(folder, '.kube'))
  writeFileSync(join(folder, '.kube/config'), config())
  t.strictSame(kubeconfigFiles('given', {}), ['given'])
  t.strictSame(kubeconfigFiles(undefined, { KUBECONFIG: 'a:b', HOME: folder }), ['a', 'b'])
  t.strictSame(kubeconfigFiles(undefined, { HOME: folder }), [join(folder, '.kube/config')])
  const connection = await openConnection({ kubeconfig: file, context: 'second' })
  t.teardown(() => connection.close())
  t.equal(connection.namespace, 'shop')
})

t.test('lines are cut wherever the chunks end', (t) => {
  const text = '{"a":"é€𝄞"}\n\n{"b":2}\n{"c"'
  const bytes = Buffer.from(text)
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new LineReader()
    const lines: string[] = []
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size), (line) => lines.push(line))
    }
    t.strictSame(lines, ['{"a":"é€𝄞"}', '{"b":2}'], `chunks of ${size}`)
    t.equal(reader.pending, 4)
  }
  t.end()
})
