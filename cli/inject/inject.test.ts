import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, fetch } from 'undici'
import { parse, parseAllDocuments } from 'yaml'
import { silentLogger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { applyPatch } from '../../injector/json-patch.ts'
import type { Json, JsonObject, PatchOperation } from '../../injector/json-patch.ts'
import { defaultSettings } from '../../injector/settings.ts'
import { SERVER_NAME, testAuthority } from '../../injector/testing/serving.ts'
import { createWebhook } from '../../injector/webhook.ts'
import { injectText, parseText } from './inject-text.ts'
import { podTemplates } from './pod-templates.ts'

const settings = { ...defaultSettings('1.2.3'), proxyImage: 'weft-proxy:next' }
const inject = (text: string) => {
  const parsed = parseText(text, 'x.yaml')
  const { namespaces, documents } = parsed
  return { documents, results: injectText(parsed, { namespace: 'shop', settings, namespaces }) }
}
const printed = (text: string) =>
  inject(text)
    .documents.map((document) => document.toString({ lineWidth: 0 }))
    .join('')

const pod = {
  metadata: { labels: { app: 'web' }, annotations: { 'weft.dev/proxy-cpu-limit': 'lots' } },
  spec: {
    containers: [
      { name: 'web', ports: [{ containerPort: 80 }], readinessProbe: { httpGet: { port: 80, path: '/ok' } } },
      { name: 'user', securityContext: { runAsUser: 1337 } },
    ],
    initContainers: [{ name: 'migrate' }],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
}
const bare = { spec: { containers: [{ name: 'web' }] } }
const workload = (apiVersion: string, kind: string, template: JsonObject = pod) => ({
  apiVersion,
  kind,
  metadata: { name: 'web', namespace: 'shop' },
  spec: { template },
})
const objects: Readonly<Record<string, JsonObject>> = {
  Pod: { apiVersion: 'v1', kind: 'Pod', ...pod },
  Deployment: workload('apps/v1', 'Deployment'),
  'Deployment without metadata': workload('apps/v1', 'Deployment', bare),
  StatefulSet: workload('apps/v1', 'StatefulSet'),
  DaemonSet: workload('apps/v1', 'DaemonSet'),
  ReplicaSet: workload('apps/v1', 'ReplicaSet'),
  ReplicationController: workload('v1', 'ReplicationController'),
  Job: workload('batch/v1', 'Job'),
  'classic Job': workload('batch/v1', 'Job', {
    ...bare,
    metadata: { annotations: { 'weft.dev/sidecar-order': 'classic' } },
  }),
  'Job without metadata': workload('batch/v1', 'Job', bare),
  CronJob: { apiVersion: 'batch/v1', kind: 'CronJob', spec: { jobTemplate: { spec: { template: pod } } } },
  List: { apiVersion: 'v1', kind: 'List', items: [workload('apps/v1', 'Deployment'), { kind: 'Service' }] },
  PodList: { apiVersion: 'v1', kind: 'PodList', items: [pod] },
  'a pod that cannot': { apiVersion: 'v1', kind: 'Pod', spec: { ...pod.spec, hostNetwork: true } },
}

/** The webhook over HTTPS: what it makes of a pod of `shop`. */
async function askWebhook(t: Test) {
  const authority = testAuthority()
  const webhook = createWebhook({
    certificate: new Watched(authority.serving()),
    settings: new Watched(settings),
    logger: silentLogger,
  })
  const { port } = await webhook.listen('127.0.0.1', 0)
  const dispatcher = new Agent({ connect: { ca: authority.caPem, servername: SERVER_NAME } })
  t.teardown(async () => {
    await dispatcher.close()
    await webhook.close()
  })
  return async (object: Json) => {
    const kind = { group: '', version: 'v1', kind: 'Pod' }
    const request = { uid: 'u', kind, namespace: 'shop', operation: 'CREATE', object }
    const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request })
    const headers = { 'content-type': 'application/json' }
    const url = `https://127.0.0.1:${port}/mutate`
    const answer = await fetch(url, { method: 'POST', dispatcher, headers, body })
    const { response } = (await answer.json()) as { response: { patch?: string; warnings?: string[] } }
    const patch = Buffer.from(response.patch ?? '', 'base64').toString() || '[]'
    return { pod: applyPatch(object, JSON.parse(patch) as PatchOperation[]), warnings: response.warnings }
  }
}

t.test('what it makes of a pod is what the webhook makes of it', async (t) => {
  const asked = await askWebhook(t)
  for (const [name, object] of Object.entries(objects)) {
    const [template] = podTemplates(object)
    const given = template?.pod ?? {}
    // What a controller makes of a template: a pod that has metadata, and says whose it is.
    const { kind, name: ownerName } = template ?? { kind: 'Pod', name: '' }
    const references = [{ kind, name: ownerName, controller: true }]
    const owner = kind === 'Pod' ? {} : { ownerReferences: references }
    const metadata = { ...(given['metadata'] as JsonObject | undefined), ...owner }
    const theirs = await asked({ ...given, metadata })
    for (const text of [JSON.stringify(object), JSON.stringify(object, undefined, 2)]) {
      const { documents, results } = inject(text)
      const [ours] = podTemplates(documents[0]?.toJS() as Json)
      const expected = theirs.pod as { metadata: JsonObject }
      delete expected.metadata['ownerReferences']
      t.strictSame({ metadata: {}, ...ours?.pod }, expected, name)
      t.strictSame(results[0]?.warnings, theirs.warnings ?? [], `${name}, warnings`)
    }
  }
})

t.test('whether a namespace takes part is answered as by a cluster that asks the webhook', async (t) => {
  const asked = await askWebhook(t)
  for (const home of [
    undefined,
    {},
    { 'weft.dev/inject': 'enabled' },
    { 'weft.dev/inject': 'disabled' },
    { a: 'b' },
  ])
    for (const own of ['enabled', 'disabled', undefined]) {
      const labels: JsonObject = own === undefined ? {} : { 'weft.dev/inject': own }
      const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels }, spec: bare.spec }
      const namespace = {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'shop', ...(home && { labels: home }) },
      }
      // The chart's two webhooks: deploy/chart/templates/injector/webhook.yaml.
      const enabled = home?.['weft.dev/inject'] === 'enabled'
      const isAsked = enabled ? own !== 'disabled' : own === 'enabled'
      const theirs = isAsked ? (await asked(object)).pod : object
      for (const texts of [
        [object, namespace],
        [{ apiVersion: 'v1', kind: 'List', items: [namespace] }, object],
      ]) {
        const { documents } = inject(texts.map((one) => JSON.stringify(one)).join('\n---\n'))
        const ours = documents.map((one) => one.toJS() as JsonObject).find(({ kind }) => kind === 'Pod')
        t.strictSame(ours, theirs, `namespace ${JSON.stringify(home)}, pod ${own}`)
      }
    }
})

t.test('the reason says what was known of the namespace', (t) => {
  const namespace = (name: string, label: string) =>
    `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: {weft.dev/inject: ${label}}}}\n---\n`
  const pod = (more: string) =>
    `{apiVersion: v1, kind: Pod, metadata: {name: a${more}}, spec: {containers: [{name: a}]}}`
  for (const [text, reason] of [
    [pod(''), 'namespace-unknown'],
    [pod(', labels: {weft.dev/inject: enabled}'), 'pod-enabled'],
    [pod(', labels: {weft.dev/inject: disabled}'), 'pod-disabled'],
    [namespace('shop', 'enabled') + pod(''), 'namespace-enabled'],
    [namespace('shop', 'disabled') + pod(''), 'namespace-disabled'],
    [namespace('shop', 'enabled') + pod(', namespace: other'), 'namespace-unknown'],
    [`{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n${pod('')}`, 'namespace-not-enabled'],
    [pod(', namespace: kube-system'), 'excluded-namespace'],
  ] as const)
    t.equal(inject(text).results[0]?.reason, reason, text)
  t.throws(() => inject(namespace('shop', 'true')), {
    field: 'x.yaml, document 1: metadata.labels.weft.dev/inject of Namespace shop',
    message: 'must be a string: put true in quotes',
  })
  t.end()
})

t.test('what is not changed keeps its comments and its style', (t) => {
  const text = `# a Service
apiVersion: v1
kind: Service
metadata: { name: 'web' } # quoted
---
# a Deployment
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # its name
spec:
  template:
    metadata:
      # selected by
      labels:
        app: web
    spec:
      containers:
        # the only one
        - name: web
          image: "web:1" # pinned
`
  const result = printed(text)
  let rest = result
  for (const line of text.split('\n').filter(Boolean)) {
    t.ok(rest.includes(line), line)
    rest = rest.slice(rest.indexOf(line) + line.length)
  }
  t.strictSame(inject(result).results[0]?.reason, 'already-injected')
  t.end()
})

t.test('two pods that share a part by an alias get a sidecar each', (t) => {
  const text = `apiVersion: v1
kind: List
items:
  - &pod { apiVersion: v1, kind: Pod, metadata: { name: a }, spec: { containers: [{ name: web }] } }
  - *pod
`
  const { items } = parse(printed(text)) as {
    items: (typeof bare & { spec: { initContainers: object[] } })[]
  }
  t.strictSame(
    items.map(({ spec }) => spec.initContainers.length),
    [2, 2],
  )
  t.end()
})

t.test('what can not be read says where', (t) => {
  for (const [text, message] of [
    ['a: 1\n---\nb: [', { field: 'x.yaml:3:5', code: 'inject.yaml' }],
    ['a: 1\na: 2', { field: 'x.yaml:2:1', message: /unique/ }],
    ['kind: Job\napiVersion: batch/v1\nspec: {}', { field: 'x.yaml, document 1: spec.template' }],
    [
      'apiVersion: v1\nkind: List\nitems:\n- {kind: Pod, apiVersion: v1, spec: {containers: [{}]}}',
      { field: 'x.yaml, document 1: items[0].spec.containers[0].name', message: /must be a string/ },
    ],
    ['a: *b', { field: 'x.yaml, document 1', message: /alias/i }],
  ] as const)
    t.throws(() => inject(text), { name: 'WeftError', ...message }, text)
  t.strictSame(inject('').documents, [])
  t.strictSame(inject('kind: ConfigMap\n---\nnull\n---\n7\n---\n[a]').results, [])
  t.end()
})

t.test('the command', async (t) => {
  const run = (argv: readonly string[], input = '') =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const program = [join(import.meta.dirname, '../weft.ts'), 'inject', ...argv]
      const child = execFile(process.execPath, program, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      )
      child.stdin?.end(input)
    })
  const text = `${JSON.stringify(objects['classic Job'])}\n---\n${JSON.stringify(objects['a pod that cannot'])}`
  const yaml = await run(['-f', '-', '-n', 'shop'], text)
  t.equal(yaml.code, 0)
  t.strictSame(
    yaml.stderr.split('\n').map((line) => line.slice(0, 40)),
    [
      'Job shop/web: weft: the classic sidecar o',
      'Pod shop/: weft: not injected: hostNetwor',
      'namespace shop: it is not in the input, so',
      '',
    ].map((line) => line.slice(0, 40)),
  )
  const json = await run(['-f', '-', '--namespace', 'shop', '--json'], text)
  const { results, objects: made } = JSON.parse(json.stdout) as { results: unknown; objects: unknown[] }
  t.match(results, [
    { kind: 'Job', namespace: 'shop', name: 'web', injected: true, reason: 'namespace-unknown' },
    { kind: 'Pod', injected: false, reason: 'host-network' },
  ])
  const documents = parseAllDocuments(yaml.stdout)
  t.strictSame(
    (documents as { toJS(): unknown }[]).map((document) => document.toJS()),
    made,
    'the same objects',
  )
  const file = t.testdir({ 'settings.yaml': 'proxyImage: weft-proxy:mine', 'wrong.yaml': 'order: last' })
  const own = await run(['-f', '-', '--settings', join(file, 'settings.yaml')], text)
  t.match(own.stdout, /weft-proxy:mine/)
  for (const [argv, code, stderr] of [
    [[], 2, /--filename: is required/],
    [['-x'], 2, /unknown flag -x/],
    [['-f', join(file, 'none')], 1, /none is not there/],
    [['-f', '-', '--settings', join(file, 'wrong.yaml')], 1, /order: must be one of native, classic/],
  ] as const)
    t.match(await run(argv, text), { code, stderr })
  t.match(await run(['--help']), { code: 0, stdout: /Usage: weft inject/ })

  const folder = t.testdir({
    all: {
      'namespace.yaml': '{apiVersion: v1, kind: Namespace, metadata: {name: shop}}',
      'notes.txt': 'a: [',
      below: { 'pod.json': JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...bare }) },
    },
    one: { 'pod.yaml': JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...bare }) },
    empty: {},
  })
  const reasons = async (argv: readonly string[], input = '') => {
    const { stdout, stderr } = await run([...argv, '-n', 'shop', '--json'], input)
    t.equal(stderr, '', argv.join(' '))
    const { results: made } = JSON.parse(stdout) as { results: { reason: string }[] }
    return made.map(({ reason }) => reason)
  }
  const enabled =
    '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {weft.dev/inject: enabled}}}'
  t.strictSame(await reasons(['-f', join(folder, 'all')]), ['namespace-not-enabled'])
  t.strictSame(await reasons(['-f', join(folder, 'one'), '-f', '-'], enabled), ['namespace-enabled'])
  t.strictSame(await reasons(['-', join(folder, 'all'), join(folder, 'one/pod.yaml')], enabled), [
    'namespace-not-enabled',
    'namespace-not-enabled',
  ])
  for (const [argv, code, stderr] of [
    [['-f', join(folder, 'empty')], 1, /empty: has no file that ends in .yaml/],
    [['-f', '-', '-'], 2, /--filename: standard input \(-\) can be read once/],
  ] as const)
    t.match(await run(argv), { code, stderr })
})

t.test('what is nested too deep is refused by the name of its file, and so is too much', async (t) => {
  for (const text of [`a: ${'['.repeat(5000)}`, '- '.repeat(5000), `{"a":`.repeat(5000)])
    t.throws(() => parseText(text, 'deep.yaml'), { field: 'deep.yaml', message: /more than 100 levels deep/ })
  t.throws(() => parseText(`[${'1,'.repeat(200_000)}]`, 'much.yaml'), {
    field: 'much.yaml',
    message: /values/,
  })
})
