import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import { ManualClock, monotonicClock, type Clock } from '../core/clock.ts'
import { createLogger } from '../core/log.ts'
import { readPrometheusText } from '../core/metrics/testing/read-text.ts'
import { stalledHandshakes } from '../core/testing/stalled-handshakes.ts'
import { Watched } from '../core/watched.ts'
import { applyPatch } from './json-patch.ts'
import { defaultSettings } from './settings.ts'
import { SERVER_NAME, testAuthority } from './testing/serving.ts'
import { createWebhook } from './webhook.ts'

interface Answer {
  status: number
  text: string
  // What a test expects of it is what it matches against.
  body: { response?: Record<string, unknown>; error?: Record<string, unknown> }
}

const authority = testAuthority()

async function serve(
  t: Test,
  namespaceLabels?: (name: string) => Record<string, string> | undefined,
  clock: Clock = monotonicClock,
) {
  const certificate = new Watched(authority.serving())
  const settings = new Watched(defaultSettings('1.2.3'))
  const log: string[] = []
  const logger = createLogger('injector', 'debug', (line) => log.push(line))
  const webhook = createWebhook({ certificate, settings, namespaceLabels, logger, clock })
  const { port } = await webhook.listen('127.0.0.1', 0)
  t.teardown(() => webhook.close())
  const close = (moved?: Promise<void>) => webhook.close(moved)

  const call = (method: string, path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const type = { 'content-type': 'application/json' }
      const request = httpsRequest(
        {
          port,
          method,
          path,
          agent: false,
          ca: authority.caPem,
          servername: SERVER_NAME,
          headers: { ...type, ...headers },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              text,
              body: text.startsWith('{') ? JSON.parse(text) : {},
            }),
          )
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  const post = (body: unknown, headers?: Record<string, string>) =>
    call(
      'POST',
      '/mutate',
      typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      headers,
    )
  const handshake = (options: { maxVersion?: 'TLSv1.2' } = {}) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const socket = connect({ port, ca: authority.caPem, servername: SERVER_NAME, ...options }, () =>
        resolve(socket),
      )
      socket.once('error', reject)
    })
  return { call, post, handshake, port, close, certificate, settings, log }
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-', labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
}

function review(change: Record<string, unknown> = {}) {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'admin' },
      object: pod,
      oldObject: null,
      dryRun: false,
      ...change,
    },
  }
}
const uid = review().request.uid

t.test('a pod gets a patch', async (t) => {
  const { post } = await serve(t)
  const { status, body } = await post(review(), { 'content-type': 'application/json; charset=utf-8' })
  t.equal(status, 200)
  t.match(body, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' })
  const { response } = body
  t.match(response, {
    uid,
    allowed: true,
    patchType: 'JSONPatch',
    auditAnnotations: { injected: 'true', reason: 'namespace-enabled' },
  })
  t.notOk(response && 'warnings' in response)
  const patch = JSON.parse(Buffer.from(String(response?.['patch']), 'base64').toString())
  t.match(applyPatch(pod, patch), {
    spec: { initContainers: [{ name: 'weft-init' }, { name: 'weft-proxy' }] },
  })
  const dry = await post(review({ dryRun: true }))
  t.equal(dry.body.response?.['patch'], response?.['patch'], 'a dry run is the same')
})

t.test(
  '1,100 connections that say nothing, with and without a handshake, shut no API server out',
  async (t) => {
    const { post, handshake, port } = await serve(t)
    const held: Socket[] = []
    t.teardown(() => held.forEach((socket) => socket.destroy()))
    for (let count = 0; count < 1100; count++) {
      const socket = connectPlain(port, '127.0.0.1').on('error', () => {})
      held.push(socket)
      await once(socket, 'connect')
    }
    t.equal((await post(review())).status, 200)
    for (let count = 0; count < 300; count++) held.push((await handshake()).on('error', () => {}))
    t.equal((await post(review())).status, 200)
  },
)

t.test(
  'handshakes of one address keep no API server waiting, and API servers are many at once',
  async (t) => {
    const clock = new ManualClock()
    const { post, handshake, port } = await serve(t, undefined, clock)
    const stalled = await stalledHandshakes(t, { port, from: '127.0.0.2', count: 100 })
    await stalled.untilAnswered(16)
    t.equal((await post(review())).status, 200)
    t.equal(stalled.answered(), 16, 'the others are held')
    const burst = await Promise.all(Array.from({ length: 100 }, () => handshake()))
    t.equal(burst.length, 100)
    for (const socket of burst) socket.destroy()
    clock.advance(5000)
    await stalled.untilAnswered(17)
  },
)

t.test('who sends the next request before the answer is let go', async (t) => {
  const { handshake } = await serve(t)
  const socket = (await handshake()).on('error', () => {})
  let answers = ''
  socket.on('data', (chunk) => (answers += String(chunk)))
  socket.write('GET /live HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(500))
  await new Promise((resolve) => socket.once('close', resolve))
  t.ok(answers.split('HTTP/1.1 200').length <= 2)
})

t.test('what is left alone is allowed, with the reason and no patch', async (t) => {
  const { post } = await serve(t, (name) =>
    name === 'shop' ? { 'weft.dev/inject': 'enabled' } : name === 'unseen' ? undefined : {},
  )
  for (const [name, change, reason] of [
    ['another kind', { kind: { group: 'apps', version: 'v1', kind: 'Deployment' }, object: {} }, 'not-a-pod'],
    ['a kind that shares the name', { kind: { group: 'other', version: 'v1', kind: 'Pod' } }, 'not-a-pod'],
    ['a subresource', { subResource: 'ephemeralcontainers', operation: 'UPDATE' }, 'not-a-pod'],
    ['an update', { operation: 'UPDATE' }, 'not-a-create'],
    ['a deletion', { operation: 'DELETE', object: null }, 'not-a-create'],
    ['a namespace without the label', { namespace: 'legacy' }, 'namespace-not-enabled'],
    ['a system namespace', { namespace: 'kube-system' }, 'excluded-namespace'],
  ] as const) {
    const { status, body } = await post(review(change))
    t.equal(status, 200)
    t.strictSame(body.response, { uid, allowed: true, auditAnnotations: { injected: 'false', reason } }, name)
  }
  t.ok(
    (await post(review({ namespace: 'unseen' }))).body.response?.['patch'],
    'an unknown namespace: the selector has decided',
  )
  const host = await post(review({ object: { ...pod, spec: { ...pod.spec, hostNetwork: true } } }))
  t.match(host.body.response, {
    allowed: true,
    warnings: [/hostNetwork/],
    auditAnnotations: { reason: 'host-network' },
  })
})

t.test('Prometheus reads what became of reviews, and when the certificate ends', async (t) => {
  const { call, post } = await serve(t)
  await post(review())
  await post(review())
  await post(review({ object: { spec: { containers: 'x' } } }))
  await post(review({ operation: 'DELETE' }))
  await post('no JSON')
  await post('{}')
  const { status, text } = await call('GET', '/metrics', '')
  t.equal(status, 200)
  const { samples } = readPrometheusText(text)
  const counts = [...samples].filter(([key]) => key.startsWith('weft_injector_admissions_total'))
  t.same(
    counts
      .map(
        ([key, value]) =>
          `${/reason="([^"]*)"/.exec(key)?.[1]} ${/result="([^"]*)"/.exec(key)?.[1]} ${value}`,
      )
      .sort(),
    [
      'invalid-review refused 2',
      'namespace-enabled injected 2',
      'not-a-create untouched 1',
      'unreadable-pod refused 1',
    ],
  )
  t.equal(samples.get('weft_injector_admission_duration_seconds_count{weft_result="injected"}'), 2)
  t.ok((samples.get('weft_certificate_expiry_seconds{weft_certificate="webhook"}') ?? 0) > 0)
})

t.test('a pod that can not be read is refused, never let past', async (t) => {
  const { post } = await serve(t)
  for (const [object, message] of [
    [{ spec: { containers: 'x' } }, /spec.containers: must be a list, not string/],
    [null, /object: must be an object, not nothing/],
    [{ metadata: { annotations: { a: { b: 1 } } }, spec: {} }, /metadata.annotations\["a"\]/],
  ] as const) {
    const { status, body } = await post(review({ object }))
    t.equal(status, 200)
    t.match(body.response, { uid, allowed: false, status: { code: 400, reason: 'BadRequest', message } })
  }
})

t.test('reviews that are wrong', async (t) => {
  const { post } = await serve(t)
  t.test('with a uid: answered as a review', async (t) => {
    t.match(await post({ ...review(), apiVersion: 'admission.k8s.io/v1beta1' }), {
      status: 200,
      body: {
        response: {
          uid,
          allowed: false,
          status: { code: 400, message: /apiVersion: must be admission.k8s.io\/v1/ },
        },
      },
    })
    t.match(await post(review({ kind: 'Pod' })), {
      status: 200,
      body: { response: { uid, allowed: false, status: { message: /request.kind: must be an object/ } } },
    })
    t.match((await post(review({ operation: 5 }))).body.response, {
      allowed: false,
      status: { message: /request.operation/ },
    })
    t.match((await post(review({ namespace: [] }))).body.response, {
      allowed: false,
      status: { message: /request.namespace/ },
    })
  })
  t.test('without one: 400 as JSON', async (t) => {
    for (const [body, field] of [
      [{ kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', request: { uid } }, 'kind'],
      [{ ...review(), request: undefined }, 'request.uid'],
      [{ ...review(), request: 'x' }, 'request.uid'],
      [review({ uid: '' }), 'request.uid'],
      [review({ uid: 7 }), 'request.uid'],
      [review({ uid: 'u'.repeat(300) }), 'request.uid'],
      [{ kind: 'AdmissionReview', apiVersion: 'v7' }, 'apiVersion'],
    ] as const) {
      t.match(await post(body), { status: 400, body: { error: { code: 'admission.invalid', field } } }, field)
    }
  })
  t.test('not JSON: 400', async (t) => {
    for (const body of [
      '',
      'garbage',
      '{"kind":',
      '[1,2',
      '\u0000',
      Buffer.from([0x22, 0xff, 0x22]),
      'null',
      '7',
      '[]',
      '['.repeat(500_000),
    ]) {
      const { status, text } = await post(body)
      t.equal(status, 400)
      t.notMatch(text, / at .*\.ts|node_modules/, 'no stack trace')
    }
  })
  t.test('a member called __proto__ is data', async (t) => {
    const text = JSON.stringify(review()).replace('"app":"web"', '"app":"web","__proto__":"x"')
    t.match((await post(text)).body.response, { allowed: true, patchType: 'JSONPatch' })
  })
})

t.test('HTTP that is wrong', async (t) => {
  const { call, post } = await serve(t)
  t.match(await post(review(), { 'content-type': 'text/plain' }), {
    status: 415,
    body: { error: { code: 'webhook.content_type' } },
  })
  t.match(await post(review(), { 'content-type': 'application/yaml' }), { status: 415 })
  t.match(await call('POST', '/elsewhere', '{}'), {
    status: 404,
    body: { error: { code: 'webhook.not_found' } },
  })
  t.match(await call('GET', '/mutate', ''), { status: 404 })
  t.match(await call('GET', '/live', ''), { status: 200, body: { live: true } })
  t.match(await call('GET', '/ready', ''), { status: 200, body: { ready: true } })
})

t.test('sizes', async (t) => {
  const { post, call } = await serve(t)
  const large = { ...pod, metadata: { ...pod.metadata, managedFields: ['f'.repeat(5 * 2 ** 20)] } }
  t.match(
    (await post(review({ object: large }))).body.response,
    { allowed: true, patchType: 'JSONPatch' },
    '5 MiB pass',
  )
  const huge = Buffer.alloc(9 * 2 ** 20, 0x20)
  const refused = await post(huge).catch((error: Error & { code?: string }) => error.code)
  // The refusal comes while the client still sends: either it reads it, or its connection is reset.
  if (typeof refused === 'object')
    t.match(refused, { status: 413, body: { error: { code: 'webhook.too_large' } } })
  else t.match(refused, /EPIPE|ECONNRESET/)
  t.equal((await call('GET', '/ready', '')).status, 200, 'it serves on')
})

t.test('50 containers and 1 MiB of annotations; a pod that is asked for again', async (t) => {
  const { post } = await serve(t)
  const containers = Array.from({ length: 50 }, (_, at) => ({
    name: `c${at}`,
    readinessProbe: { httpGet: { port: 8000 + at } },
  }))
  const annotations = { note: 'n'.repeat(2 ** 20) }
  const object = { metadata: { name: 'big', annotations, managedFields: [] }, spec: { containers } }
  const { response } = (await post(review({ object }))).body
  t.match(response, { allowed: true, auditAnnotations: { injected: 'true' } })
  const patch = JSON.parse(Buffer.from(String(response?.['patch']), 'base64').toString())
  const injected = applyPatch(object, patch)
  const again = (await post(review({ object: injected }))).body
  t.strictSame(
    again.response,
    { uid, allowed: true },
    'no patch, no warning, no audit annotation a second time',
  )
})

t.test('any garbage: an answer, no crash, no stack trace', async (t) => {
  const { post, call } = await serve(t)
  const paths = [
    'apiVersion',
    'kind',
    'request',
    'request.object',
    'request.object.spec',
    'request.object.metadata',
    'request.object.spec.containers',
    'request.kind',
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue(), async (path, value) => {
      const body: Record<string, unknown> = structuredClone(review())
      const keys = path.split('.')
      const last = keys.pop() ?? ''
      const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, body)
      parent[last] = value
      const { status, text } = await post(body)
      return (status === 200 || status === 400) && !/\.ts:\d|node_modules/.test(text)
    }),
    { numRuns: 60 },
  )
  t.equal((await call('GET', '/ready', '')).status, 200)
})

t.test('the serving certificate is replaced while serving', async (t) => {
  const { handshake, certificate, log } = await serve(t)
  const serial = async () => {
    const socket = await handshake()
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }
  const old = await handshake()
  const first = old.getPeerCertificate().serialNumber
  const next = authority.serving()
  certificate.set(next)
  const second = await serial()
  t.not(second, first)
  old.write('GET /ready HTTP/1.1\r\nhost: x\r\n\r\n')
  t.match(
    await new Promise<string>((resolve) => old.once('data', (data) => resolve(String(data)))),
    /^HTTP\/1.1 200/,
    'open connections stay',
  )
  old.destroy()

  certificate.set({ certPem: next.certPem, keyPem: authority.serving().keyPem })
  t.equal(await serial(), second, 'a key that is not its own is refused')
  certificate.set({ certPem: 'x', keyPem: 'y' })
  t.equal(await serial(), second)
  t.equal(log.filter((line) => line.includes('new serving certificate refused')).length, 2)
  t.notMatch(log.join(''), /PRIVATE KEY/)
})

t.test(
  'while it drains it says so, takes every request as the last of its connection, and loses none',
  async (t) => {
    const { post, handshake, close } = await serve(t)
    const moved = Promise.withResolvers<void>()
    const answer = async (socket: TLSSocket) => {
      let text = ''
      for await (const chunk of socket) text += String(chunk)
      return text
    }
    const body = JSON.stringify(review())
    const head = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    const [idle, begun] = [await handshake(), await handshake()]
    // Both have had an answer: connections that a client keeps.
    for (const socket of [idle, begun]) {
      socket.write('GET /ready HTTP/1.1\r\nhost: x\r\n\r\n')
      t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 200(?!.*connection: close)/is)
    }
    begun.write(head + body.slice(0, 10))
    const closed = close(moved.promise)
    const ready = await handshake()
    ready.write('GET /ready HTTP/1.1\r\nhost: x\r\n\r\n')
    t.match(await answer(ready), /^HTTP\/1.1 503.*connection: close/is, 'not ready')
    t.match(
      (await post(review())).body.response,
      { allowed: true, patchType: 'JSONPatch' },
      'a new connection',
    )
    idle.write(head + body)
    t.match(
      await answer(idle),
      /^HTTP\/1.1 200.*connection: close.*JSONPatch/is,
      'an old one, for the last time',
    )
    moved.resolve()
    await t.rejects(
      (async () => {
        for (;;) (await handshake()).destroy()
      })(),
      { code: /ECONN/ },
      'listens no longer',
    )
    begun.write(body.slice(10))
    t.match(await answer(begun), /^HTTP\/1.1 200.*JSONPatch/is, 'a request that had begun is answered')
    await closed
  },
)

t.test('TLS 1.3 only', async (t) => {
  const { handshake } = await serve(t)
  await t.rejects(handshake({ maxVersion: 'TLSv1.2' }))
})

t.test('settings are replaced while serving; the log tells why', async (t) => {
  const { post, settings, log } = await serve(t)
  settings.set({ ...settings.value, proxyImage: 'weft-proxy:next' })
  const { body } = await post(review())
  t.match(Buffer.from(String(body.response?.['patch']), 'base64').toString(), /weft-proxy:next/)
  t.match(JSON.parse(log.at(-1) ?? ''), {
    message: 'pod injected',
    namespace: 'shop',
    pod: 'web-*',
    reason: 'namespace-enabled',
  })
})

t.test('a mistake of ours refuses the pod and tells nothing', async (t) => {
  const { post } = await serve(t, () => {
    throw new TypeError('inner detail')
  })
  const { body, text } = await post(review())
  t.match(body.response, { uid, allowed: false, status: { code: 500, message: /its log says why/ } })
  t.notMatch(text, /inner detail/)
})

t.test('an address or a certificate that does not work is a clear error', async (t) => {
  const certificate = new Watched(authority.serving())
  const other = createWebhook({
    certificate,
    settings: new Watched(defaultSettings('1')),
    logger: createLogger('x', 'error', () => {}),
  })
  t.teardown(() => other.close())
  await t.rejects(other.listen('203.0.113.1', 0), {
    code: 'webhook.listen',
    message: /can't listen on 203.0.113.1:0/,
  })
  t.throws(
    () =>
      createWebhook({
        certificate: new Watched({ certPem: '', keyPem: '' }),
        settings: new Watched(defaultSettings('1')),
        logger: createLogger('x', 'error', () => {}),
      }),
    {
      code: 'serving.certificate',
    },
  )
})
