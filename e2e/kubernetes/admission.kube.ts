import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { createRoot, type CaCredentials } from '../../certs/authority.ts'
import { runCommand } from '../../local/node/run-command.ts'
import { startCluster, type KubernetesCluster } from './cluster/cluster.ts'
import { startInside } from './testing/inside-process.ts'
import { InstalledWebhook, installedObject, servingFiles } from './testing/installed-webhook.ts'
import { PodStream } from './testing/pod-stream.ts'

interface Container {
  readonly name: string
  readonly restartPolicy?: string
  readonly args?: readonly string[]
  readonly readinessProbe?: { readonly httpGet?: { readonly path: string; readonly port: number } }
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}
interface Pod {
  readonly metadata: {
    readonly annotations?: Record<string, string>
    readonly labels?: Record<string, string>
  }
  readonly spec: {
    readonly containers: readonly Container[]
    readonly initContainers?: readonly Container[]
    readonly volumes?: readonly { readonly name: string }[]
  }
}

const namespace = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})
const pod = (name: string, change: { labels?: object; annotations?: object; spec?: object } = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels: change.labels ?? {}, annotations: change.annotations ?? {} },
  spec: {
    containers: [{ name: 'web', image: 'web:1', readinessProbe: { httpGet: { path: '/ok', port: 8080 } } }],
    ...change.spec,
  },
})
const inNamespace = (name: string, object: ReturnType<typeof pod>) => ({
  ...object,
  metadata: { ...object.metadata, namespace: name },
})
const INJECT = { 'weft.dev/inject': 'enabled' }
const ENFORCE = 'pod-security.kubernetes.io/enforce'

let cluster: KubernetesCluster
let webhook: InstalledWebhook
let root: CaCredentials

/** kubectl with what it says on standard error, where warnings are. */
async function kubectl(args: readonly string[], object?: object) {
  const argv = [cluster.programs.path('kubectl'), '--kubeconfig', cluster.kubeconfig, ...args]
  return runCommand(argv, object === undefined ? {} : { input: JSON.stringify(object) })
}
const create = (object: object, ...flags: string[]) =>
  kubectl(['create', '-f', '-', '-o', 'json', ...flags], object)

function created(t: Test, result: Awaited<ReturnType<typeof create>>): Pod {
  t.equal(result.code, 0, result.stderr)
  return JSON.parse(result.stdout) as Pod
}
const names = ({ spec }: Pod) => [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name)
/** A pod without what the API server makes up for each: the name and place of the volume with its own token. */
function comparable({ metadata, spec }: Pod): unknown {
  const token = /kube-api-access-\w+/g
  const volumes = (spec.volumes ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const { annotations, labels } = metadata
  return JSON.parse(
    JSON.stringify({ annotations, labels, spec: { ...spec, volumes } }).replace(token, 'token'),
  )
}
const INJECTED = ['weft-init', 'weft-proxy', 'web']

const STREAMED = 60

t.before(async () => {
  cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  root = createRoot('cluster.local', Date.now())
  webhook = await InstalledWebhook.install(cluster, root)
  for (const object of [
    namespace('shop', INJECT),
    namespace('legacy'),
    namespace('strict', { ...INJECT, [ENFORCE]: 'restricted' }),
  ]) {
    await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(object) })
  }
  for (const name of ['shop', 'legacy', 'strict', 'kube-system'])
    await cluster.kubectl(['wait', '--for=create', '-n', name, 'serviceaccount/default', '--timeout=60s'])
})
t.teardown(() => cluster?.stop())

t.test('the API server asks the webhook', async (t) => {
  let injector = await webhook.start(15017, ['--drain-seconds', '20'])
  await webhook.serve(15017)

  t.test('a pod of a labelled namespace gets its sidecar', async (t) => {
    const result = await create(pod('web'))
    const made = created(t, result)
    t.strictSame(names(made), INJECTED)
    t.equal(result.stderr, '', 'and nobody is warned')
    t.match(made.spec.initContainers?.[1], { name: 'weft-proxy', restartPolicy: 'Always' })
    t.match(made.spec.containers[0]?.readinessProbe?.httpGet, { path: '/app-health/web/readyz', port: 15021 })
    t.match(made.metadata.labels, { 'weft.dev/injected': 'true' })
  })

  t.test('a dry run says the same and leaves nothing', async (t) => {
    t.strictSame(names(created(t, await create(pod('dry'), '--dry-run=server'))), INJECTED)
    t.match(await kubectl(['get', '-n', 'shop', 'pod', 'dry']), { code: 1, stderr: /not found/ })
    await injector.until(/"reason":"namespace-enabled","dryRun":true/)
  })

  t.test('the pods of a Deployment get it, too', async (t) => {
    const template = { metadata: { labels: { app: 'api' } }, spec: pod('api').spec }
    const spec = { replicas: 2, selector: { matchLabels: { app: 'api' } }, template }
    const metadata = { name: 'api', namespace: 'shop' }
    await create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec })
    const jsonpath = '--for=jsonpath={.status.replicas}=2'
    t.match(await kubectl(['wait', '-n', 'shop', 'deployment/api', jsonpath, '--timeout=60s']), { code: 0 })
    const { stdout } = await kubectl(['get', '-n', 'shop', 'pods', '-l', 'app=api', '-o', 'json'])
    const { items } = JSON.parse(stdout) as { items: Pod[] }
    t.strictSame(items.map(names), [INJECTED, INJECTED])
  })

  t.test('labels of pods and namespaces decide who is asked for', async (t) => {
    const asked = (object: object) =>
      create(object, '--dry-run=server').then((result) => names(created(t, result)))
    t.strictSame(await asked(inNamespace('legacy', pod('a'))), ['web'], 'no label')
    t.strictSame(await asked(inNamespace('legacy', pod('a', { labels: INJECT }))), INJECTED, "the pod's own")
    t.strictSame(
      await asked(pod('a', { labels: { 'weft.dev/inject': 'disabled' } })),
      ['web'],
      'a pod that says no',
    )
    t.strictSame(
      await asked(inNamespace('kube-system', pod('a', { labels: INJECT }))),
      ['web'],
      'kube-system',
    )
  })

  t.test(
    'who creates a pod that cannot have a sidecar, or writes a wrong annotation, is warned',
    async (t) => {
      const warned = async (object: object) => (await create(object, '--dry-run=server')).stderr.trim()
      const host = pod('a', { spec: { hostNetwork: true } })
      t.match(
        await warned(host),
        /^Warning: weft: not injected: hostNetwork pods share the rules of their node$/,
      )
      const windows = pod('a', { spec: { os: { name: 'windows' } } })
      t.match(await warned(windows), /^Warning: weft: not injected: the sidecar runs on Linux only$/)
      const wrong = { 'weft.dev/proxy-cpu-limit': 'lots', 'weft.dev/drain-seconds': '7' }
      const result = await create(pod('a', { annotations: wrong }), '--dry-run=server')
      t.match(
        result.stderr,
        /^Warning: weft: annotation weft.dev\/proxy-cpu-limit is ignored: must be a CPU quantity/,
      )
      const [, proxy] = created(t, result).spec.initContainers ?? []
      t.match(proxy, { resources: { limits: { cpu: '2' } } }, 'the default')
      t.match(proxy?.args?.join(' '), '--drain-seconds 7', 'what is right holds')
    },
  )

  t.test('a pod that comes with its sidecar is left as it is, and its author is told', async (t) => {
    const { stdout } = await kubectl(['get', '-n', 'shop', 'pod', 'web', '-o', 'json'])
    const copy = JSON.parse(stdout) as { metadata: Record<string, unknown> }
    copy.metadata['name'] = 'copy'
    for (const name of ['resourceVersion', 'uid']) delete copy.metadata[name]
    for (const managedFields of [copy.metadata['managedFields'], undefined]) {
      const result = await create(
        { ...copy, metadata: { ...copy.metadata, managedFields } },
        '--dry-run=server',
      )
      t.equal(result.stderr.trim(), 'Warning: weft: left as it is: the pod has its sidecar already')
      t.strictSame(names(created(t, result)), INJECTED)
    }
    const applied = await kubectl(['apply', '--server-side', '--dry-run=server', '-f', '-'], {
      ...copy,
      metadata: { ...copy.metadata, managedFields: undefined },
    })
    t.match(applied, { code: 0, stderr: /left as it is/ }, 'by server-side apply')
  })

  t.test('`weft inject` gives the same pod without asking it', async (t) => {
    const spec = {
      containers: [
        { name: 'web', image: 'web:1', livenessProbe: { tcpSocket: { port: 80 } } },
        { name: 'api', image: 'api:1', readinessProbe: { grpc: { port: 9000 } } },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    }
    const object = pod('same', { annotations: { 'weft.dev/opaque-ports': '9000' }, spec })
    const program = [process.execPath, join(import.meta.dirname, '../../cli/weft.ts'), 'inject', '-f', '-']
    const offline = await runCommand(program, { input: JSON.stringify(object) })
    t.match(offline, { code: 0, stderr: /^namespace shop: it is not in the input/ })
    const theirs = created(t, await create(object, '--dry-run=server'))
    const shown = parse(offline.stdout) as ReturnType<typeof pod>
    const ours = created(t, await create(inNamespace('legacy', shown), '--dry-run=server'))
    t.strictSame(comparable(ours), comparable(theirs))
  })

  t.test(
    'asked again after another webhook added a container, it moves its probes, and nothing comes twice',
    async (t) => {
      const directory = dirname(webhook.tls.directory)
      const files = Object.entries(servingFiles(root, 'agent')).map(([name, text]) => {
        const path = join(directory, `agent-${name}`)
        writeFileSync(path, text)
        return path
      })
      const program = join(import.meta.dirname, 'testing/agent-webhook.ts')
      const agent = await startInside(
        cluster,
        [process.execPath, program, '15018', ...files],
        /webhook listening/,
      )
      t.teardown(() => agent.stop('KILL'))
      await cluster.exec(['sh', '-c', 'echo 10.77.0.1 agent.weft-system.svc >> /etc/hosts'])
      const configuration = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        // Configurations are asked in the order of their names.
        metadata: { name: 'z-agent' },
        webhooks: [
          {
            name: 'agent.example.com',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            clientConfig: {
              url: 'https://agent.weft-system.svc:15018/',
              caBundle: Buffer.from(root.certificate.toString()).toString('base64'),
            },
            rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
            objectSelector: { matchLabels: { agent: 'please' } },
          },
        ],
      }
      await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(configuration) })
      t.teardown(() => cluster.kubectl(['delete', 'mutatingwebhookconfiguration', 'z-agent']))
      // The API server may take a moment to ask a new webhook.
      let result = await create(pod('both', { labels: { agent: 'please' } }), '--dry-run=server')
      while (!names(created(t, result)).includes('agent'))
        result = await create(pod('both', { labels: { agent: 'please' } }), '--dry-run=server')
      const made = created(t, result)
      t.equal(result.stderr, '', 'nobody is warned of a sidecar that came a moment ago')
      t.strictSame(names(made), ['weft-init', 'weft-proxy', 'agent', 'web'])
      for (const { name, readinessProbe } of made.spec.containers)
        t.match(readinessProbe?.httpGet, { path: `/app-health/${name}/readyz`, port: 15021 })
      const env = made.spec.initContainers?.[1]?.env?.find(({ name }) => name === 'WEFT_APP_PROBES')
      t.match(JSON.parse(env?.value ?? ''), {
        '/app-health/agent/readyz': { httpGet: { path: '/healthy', port: 9000 } },
        '/app-health/web/readyz': { httpGet: { path: '/ok', port: 8080 } },
      })
      await injector.until(/pod seen again.*"changed":true/)
    },
  )

  t.test('Pod Security refuses weft-init and nothing else of an injected pod', async (t) => {
    const security = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    }
    const containers = [{ name: 'web', image: 'web:1', securityContext: security }]
    const { code, stderr } = await create(inNamespace('strict', pod('a', { spec: { containers } })))
    t.equal(code, 1)
    t.match(
      stderr,
      /violates PodSecurity "restricted:latest".*container "weft-init" must not include "NET_ADMIN"/,
    )
    t.notMatch(stderr, /weft-proxy/, 'the sidecar meets `restricted`')
  })

  t.test(
    'under a stream of pods its certificate, its CA and its replicas are replaced: none is refused',
    async (t) => {
      const stream = await PodStream.start({
        kubeconfig: cluster.kubeconfig,
        pod: pod('streamed'),
        atOnce: 4,
        check: (made) => (names(made as Pod).join() === INJECTED.join() ? undefined : JSON.stringify(made)),
      })
      t.teardown(() => stream.stop())
      const next = createRoot('cluster.local', Date.now())
      await stream.more(STREAMED)
      await webhook.trust([root, next])
      // The API server hears of it by a watch.
      await stream.more(STREAMED)
      webhook.tls.write(servingFiles(next, 'weft-injector'))
      await injector.until(/serving certificate replaced/)
      await stream.more(STREAMED)
      await webhook.trust([next])
      await stream.more(STREAMED)

      const other = await webhook.start(15019)
      await webhook.serve(15017, 15019)
      await stream.more(STREAMED)
      const stopped = injector.stop()
      await injector.until(/not ready any more/)
      // Nodes still send new connections to it for a while.
      await stream.more(STREAMED)
      await webhook.serve(15019)
      t.equal(await stopped, 0)
      await stream.more(STREAMED)
      await stream.stop()
      t.strictSame(stream.failures, [])
      t.comment(`${stream.count} pods`)
      injector = other
    },
  )

  t.test('who asks for injection where Pod Security would refuse it is warned', async (t) => {
    for (const kind of ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']) {
      const stdin = JSON.stringify(installedObject(kind, 'weft-injector'))
      await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin })
    }
    const workload = (kind: string, namespace: string, labels: object = {}, spec: object = {}) => {
      const template = { metadata: { labels: { app: 'a', ...labels } }, spec: { ...pod('a').spec, ...spec } }
      const metadata = { name: 'a', namespace }
      const selector = { matchLabels: { app: 'a' } }
      if (kind === 'Deployment')
        return { apiVersion: 'apps/v1', kind, metadata, spec: { selector, template } }
      const job = { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }
      const jobTemplate = { spec: job }
      return kind === 'Job'
        ? { apiVersion: 'batch/v1', kind, metadata, spec: job }
        : { apiVersion: 'batch/v1', kind, metadata, spec: { schedule: '* * * * *', jobTemplate } }
    }
    const warned = async (object: object) => {
      const { code, stderr } = await create(object, '--dry-run=server')
      t.equal(code, 0, stderr)
      return /weft: Pod Security "restricted" of this namespace refuses/.test(stderr)
    }
    // The API server compiles a new policy in its own time.
    while (!(await warned(workload('Deployment', 'strict'))));
    for (const kind of ['Deployment', 'Job', 'CronJob']) t.ok(await warned(workload(kind, 'strict')), kind)
    t.ok(
      await warned(namespace('other', { ...INJECT, [ENFORCE]: 'restricted' })),
      'a namespace with both labels',
    )
    for (const [what, object] of Object.entries({
      'a namespace with one': namespace('other', { [ENFORCE]: 'restricted' }),
      'a namespace that enforces nothing': workload('Deployment', 'shop'),
      'a workload that says no': workload('Deployment', 'strict', { 'weft.dev/inject': 'disabled' }),
      'pods that can have no sidecar': workload('CronJob', 'strict', {}, { hostNetwork: true }),
      'a namespace that is never injected': workload('Deployment', 'weft-system', INJECT),
    }))
      t.notOk(await warned(object), what)
  })

  t.test('while no injector answers, pods of the mesh are refused and all others created', async (t) => {
    t.equal(await injector.stop('KILL'), null)
    const refused = await create(pod('b'), '--dry-run=server')
    t.match(refused, {
      code: 1,
      stderr:
        /failed calling webhook "namespace.weft-injector.weft.dev".*(connection refused|EOF|connection reset)/,
    })
    for (const name of ['legacy', 'kube-system', 'weft-system'])
      t.match(await create(inNamespace(name, pod('b')), '--dry-run=server'), { code: 0 }, name)
    await webhook.serve()
    t.match(await create(pod('b'), '--dry-run=server'), { code: 1, stderr: /failed calling webhook/ })
  })
})
