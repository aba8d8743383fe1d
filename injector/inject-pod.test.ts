import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { stringify } from 'yaml'
import { goldenText } from '../core/testing/golden.ts'
import { injectPod } from './inject-pod.ts'
import type { PodNamespace } from './inject-pod.ts'
import { applyPatch } from './json-patch.ts'
import type { Json, JsonObject } from './json-patch.ts'
import { defaultSettings } from './settings.ts'
import type { InjectorSettings } from './settings.ts'

const settings = defaultSettings('1.2.3')
const shop: PodNamespace = { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } }

const web = (spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-5d8f-', ...metadata },
  spec: {
    containers: [{ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }] }],
    ...spec,
  },
})

const withProbes = (probes: JsonObject, more: JsonObject = {}): JsonObject =>
  web({
    containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 8080 }], ...probes }],
    ...more,
  })

interface Case {
  pod: JsonObject
  namespace?: PodNamespace
  settings?: Partial<InjectorSettings>
}

const annotated = (annotations: JsonObject) => web({}, { annotations })

// Each case is one rule; its golden file is the patched pod (or the reason why there is none) and what is said.
const cases: Record<string, Case> = {
  'plain-pod': { pod: web() },
  'lists-exist': {
    pod: web(
      { initContainers: [{ name: 'migrate' }], volumes: [{ name: 'data', emptyDir: {} }] },
      { labels: { app: 'web' }, annotations: { 'a/b': 'c' } },
    ),
  },
  'lists-are-null': {
    pod: web({ initContainers: null, volumes: null }, { labels: null, annotations: null }),
  },
  'no-metadata': { pod: { spec: { containers: [{ name: 'web' }] } } },
  'classic-order': {
    pod: web({ initContainers: [{ name: 'migrate' }] }, { ownerReferences: [{ kind: 'Job', name: 'j' }] }),
    settings: { order: 'classic' },
  },
  'stitch-traces': {
    pod: web(
      {
        initContainers: [{ name: 'migrate' }],
        containers: [
          {
            name: 'web',
            env: [
              { name: 'A', value: 'b' },
              { name: 'NODE_OPTIONS', value: '--enable-source-maps' },
            ],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
          {
            name: 'told',
            env: [{ name: 'NODE_OPTIONS', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } }],
          },
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
      { annotations: { 'weft.dev/stitch-traces': 'on' } },
    ),
  },
  'stitch-traces-classic': {
    pod: web({}, { annotations: { 'weft.dev/stitch-traces': 'on', 'weft.dev/sidecar-order': 'classic' } }),
  },
  'cluster-trust-bundle': { pod: web(), settings: { trustBundleSigner: 'weft.dev/mesh' } },
  'named-by-its-owner': {
    pod: web(
      { containers: [{ name: 'web', image: 'registry.example/shop/web:1.2' }] },
      {
        labels: { 'pod-template-hash': '5d8f' },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d8f', controller: true }],
      },
    ),
  },
  'named-by-annotations': {
    pod: web(
      {},
      {
        annotations: {
          'resource.opentelemetry.io/service.name': 'The $(POD_NAME), or so',
          'resource.opentelemetry.io/deployment.environment.name': 'test',
        },
        labels: { 'app.kubernetes.io/name': 'web', 'app.kubernetes.io/version': '7' },
      },
    ),
  },
  'own-service-account': { pod: web({ serviceAccountName: 'web', automountServiceAccountToken: false }) },
  'installation-settings': {
    pod: web(),
    settings: {
      proxyImage: 'registry.example:5000/weft-proxy:9',
      initImage: 'registry.example:5000/weft-init:9',
      imagePullPolicy: 'Always',
      controlPlane: 'cp.other.svc:15012',
      trustDomain: 'example.org',
      excludeOutboundCidrs: ['10.96.0.1/32'],
    },
  },
  'annotations-all': {
    pod: annotated({
      'weft.dev/include-inbound-ports': '8080, 8081',
      'weft.dev/exclude-inbound-ports': '9090',
      'weft.dev/include-outbound-ports': '*',
      'weft.dev/exclude-outbound-ports': '3306,5432',
      'weft.dev/proxy-protocol': '8080=v2, 8081=v1',
      'weft.dev/exclude-outbound-cidrs': '169.254.169.254,fd00::1/8',
      'weft.dev/opaque-ports': '6379',
      'weft.dev/normalize-paths': 'off',
      'weft.dev/escaped-slashes': 'redirect',
      'weft.dev/path-parameters': 'reject',
      'weft.dev/proxy-cpu-request': '200m',
      'weft.dev/proxy-cpu-limit': '1.5',
      'weft.dev/proxy-memory-request': '128Mi',
      'weft.dev/proxy-memory-limit': '256Mi',
      'weft.dev/proxy-image': 'weft-proxy:next',
      'weft.dev/proxy-log-level': 'debug',
      'weft.dev/proxy-concurrency': '2',
      'weft.dev/drain-seconds': '5',
      'weft.dev/trace-sampling': '0.25',
      'weft.dev/rewrite-probes': 'false',
      'weft.dev/init-image': 'weft-init:next',
      'weft.dev/image-pull-policy': 'Never',
      'weft.dev/sidecar-order': 'classic',
    }),
    settings: { imageAnnotations: true },
  },
  'cni-plugin': {
    pod: annotated({ 'weft.dev/exclude-inbound-ports': '9090', 'weft.dev/capture': '["--print"]' }),
    namespace: {
      name: 'shop',
      labels: { 'weft.dev/inject': 'enabled', 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
    settings: { cni: true, excludeOutboundCidrs: ['10.96.0.1/32'] },
  },
  'cni-plugin-classic': {
    pod: web({ initContainers: [{ name: 'migrate' }] }),
    settings: { cni: true, order: 'classic' },
  },
  'images-not-allowed': {
    pod: annotated({
      'weft.dev/proxy-image': 'weft-proxy:next',
      'weft.dev/init-image': 'attacker.example/root:1',
    }),
  },
  'annotations-wrong': {
    pod: annotated({
      'weft.dev/proxy-protocol': '8080=v2,8081',
      'weft.dev/exclude-inbound-ports': '80,http',
      'weft.dev/include-inbound-ports': '15021,80',
      'weft.dev/exclude-outbound-ports': '0',
      'weft.dev/exclude-outbound-cidrs': '10.0.0.0/40',
      'weft.dev/proxy-cpu-request': 'lots',
      'weft.dev/proxy-memory-limit': '1Mi',
      'weft.dev/proxy-image': 'weft proxy',
      'weft.dev/proxy-log-level': 'LOUD\nsecond line',
      'weft.dev/drain-seconds': '-1',
      'weft.dev/trace-sampling': '2',
      'weft.dev/rewrite-probes': 'no',
      'weft.dev/drain-second': '5',
      'weft.dev/init-image': 'a b',
      'weft.dev/image-pull-policy': 'always',
      'weft.dev/sidecar-order': 'last',
    }),
  },
  limits: {
    pod: annotated({ 'weft.dev/idle-timeout': '1h30m', 'weft.dev/max-header-fields': '500' }),
  },
  'limits-wrong': {
    pod: annotated({
      'weft.dev/max-header-fields': '1001',
      'weft.dev/max-header-kib': '0',
      'weft.dev/max-request-body': '5Gi',
      'weft.dev/idle-timeout': '100ms',
      'weft.dev/application-idle-timeout': '0',
      'weft.dev/request-headers-timeout': '10',
      'weft.dev/request-timeout': '25h',
    }),
  },
  'keep-alive-wrong': {
    pod: annotated({
      'weft.dev/ping-interval': '0',
      'weft.dev/ping-timeout': '11m',
      'weft.dev/tcp-keepalive-time': '1500ms',
      'weft.dev/tcp-keepalive-interval': '1',
      'weft.dev/tcp-keepalive-probes': '128',
    }),
  },
  'annotations-wrong-paths': {
    pod: annotated({
      'weft.dev/normalize-paths': 'true',
      'weft.dev/escaped-slashes': 'merge',
      'weft.dev/path-parameters': 'strip',
    }),
  },
  'request-above-limit': {
    pod: annotated({ 'weft.dev/proxy-cpu-request': '3', 'weft.dev/proxy-memory-limit': '64Mi' }),
  },
  'both-request-above-limit': {
    pod: annotated({ 'weft.dev/proxy-cpu-request': '3', 'weft.dev/proxy-cpu-limit': '1' }),
  },
  'probes-http': {
    pod: withProbes({
      readinessProbe: {
        httpGet: {
          path: '/ok?$(POD_NAME)',
          port: 'http',
          scheme: 'HTTPS',
          httpHeaders: [{ name: 'X', value: '"$1"' }],
        },
        periodSeconds: 3,
        timeoutSeconds: 2,
      },
      livenessProbe: { httpGet: { port: 8080 }, initialDelaySeconds: 1, failureThreshold: 5 },
    }),
  },
  'probes-tcp-grpc-exec': {
    pod: withProbes({
      startupProbe: { tcpSocket: { port: 8080 } },
      livenessProbe: { grpc: { port: 9000, service: 'shop' } },
      readinessProbe: { exec: { command: ['true'] } },
    }),
  },
  'probes-left-alone': {
    pod: withProbes({
      startupProbe: { httpGet: { host: 'example.org', port: 80 } },
      livenessProbe: { httpGet: { port: 'nobody' } },
      lifecycle: { preStop: { httpGet: { port: 8080, path: '/stop' } } },
    }),
  },
  'probes-of-user-sidecar': {
    pod: withProbes(
      { livenessProbe: { tcpSocket: { port: 8080 } } },
      {
        initContainers: [
          { name: 'log', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 24224 } } },
        ],
      },
    ),
  },
  'runs-as-proxy-user': { pod: web({ securityContext: { runAsUser: 1337 } }) },
  'runs-as-proxy-group': { pod: web({ securityContext: { runAsGroup: 1337 } }) },
  'has-proxy-group': { pod: web({ securityContext: { supplementalGroups: [7, 1337], fsGroup: 1337 } }) },
  'containers-run-as-proxy': {
    pod: web({
      // One of the containers says otherwise than its pod, and so does not.
      securityContext: { runAsUser: 1337, runAsGroup: 1337 },
      initContainers: [{ name: 'migrate', securityContext: { runAsGroup: 1337, runAsUser: 7 } }],
      containers: [
        { name: 'web', securityContext: { runAsUser: 7, runAsGroup: 7 } },
        { name: 'worker', securityContext: { runAsUser: 1337, runAsGroup: 7 } },
      ],
    }),
  },
  'uses-reserved-port': { pod: web({ containers: [{ name: 'web', ports: [{ containerPort: 15001 }] }] }) },
  'has-powers': {
    pod: web({
      initContainers: [
        { name: 'migrate', securityContext: { capabilities: { drop: ['ALL'], add: ['NET_RAW'] } } },
      ],
      containers: [
        {
          name: 'web',
          securityContext: { capabilities: { add: ['NET_BIND_SERVICE', 'cap_net_admin', 'SETUID'] } },
        },
        { name: 'worker', securityContext: { privileged: true, capabilities: { add: ['ALL'] } } },
        { name: 'tail', securityContext: { privileged: false, capabilities: { add: ['CHOWN'] } } },
      ],
    }),
  },
  'sees-host-processes': { pod: web({ hostPID: true }) },
  'shares-process-namespace': { pod: web({ shareProcessNamespace: true }) },
  'pod-security-baseline': {
    pod: web(),
    namespace: { name: 'shop', labels: { ...shop.labels, 'pod-security.kubernetes.io/enforce': 'baseline' } },
  },
  'skip-namespace-not-enabled': { pod: web(), namespace: { name: 'legacy', labels: {} } },
  'skip-namespace-disabled': {
    pod: web(),
    namespace: { name: 'legacy', labels: { 'weft.dev/inject': 'disabled' } },
  },
  'skip-namespace-label-wrong': {
    pod: web(),
    namespace: { name: 'legacy', labels: { 'weft.dev/inject': 'true' } },
  },
  'skip-pod-disabled': { pod: web({}, { labels: { 'weft.dev/inject': 'disabled' } }) },
  'skip-kube-system': {
    pod: web({}, { labels: { 'weft.dev/inject': 'enabled' } }),
    namespace: { name: 'kube-system' },
  },
  'skip-mirror-pod': { pod: web({}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }) },
  'skip-host-network': { pod: web({ hostNetwork: true }) },
  'skip-host-network-not-asked': {
    pod: web({ hostNetwork: true }),
    namespace: { name: 'legacy', labels: {} },
  },
  'skip-windows': { pod: web({ os: { name: 'windows' } }) },
  'skip-windows-by-node-selector': { pod: web({ nodeSelector: { 'kubernetes.io/os': 'windows' } }) },
  'skip-other-mesh': { pod: web({ initContainers: [{ name: 'istio-proxy', restartPolicy: 'Always' }] }) },
  'skip-reserved-container': { pod: web({ containers: [{ name: 'weft-init' }] }) },
  'skip-reserved-volume': { pod: web({ volumes: [{ name: 'weft-ca', emptyDir: {} }] }) },
  'pod-enabled-in-disabled-namespace': {
    pod: web({}, { labels: { 'weft.dev/inject': 'enabled' } }),
    namespace: { name: 'legacy', labels: { 'weft.dev/inject': 'disabled' } },
  },
  'selector-decided': { pod: web(), namespace: { name: 'unknown' } },
}

for (const [name, { pod, namespace = shop, settings: change }] of Object.entries(cases)) {
  t.test(name, async (t) => {
    const before = JSON.stringify(pod)
    const own = { ...settings, ...change }
    const { injected, reason, warnings, patch } = injectPod(pod, namespace, own)
    t.equal(JSON.stringify(pod), before, 'the pod given stays as it was')
    t.equal(injected, !name.startsWith('skip-'))
    const result = applyPatch(pod, patch)
    const made = stringify({ reason, warnings, ...(injected ? { pod: result } : {}) }, { lineWidth: 110 })
    t.equal(made, goldenText(join(import.meta.dirname, 'golden/pods', `${name}.yaml`), made))
    if (injected) {
      t.strictSame(injectPod(result, namespace, own).patch, [], 'a second time changes nothing')
      t.equal(injectPod(result, namespace, own).reason, 'already-injected')
    }
  })
}

t.test('what is not a pod is refused with the field', async (t) => {
  for (const [pod, field] of [
    [null, 'object'],
    [[], 'object'],
    [{}, 'spec'],
    [{ spec: { containers: {} } }, 'spec.containers'],
    [{ spec: { containers: [{}] } }, 'spec.containers[0].name'],
    [{ spec: { containers: [null] } }, 'spec.containers[0]'],
    [{ metadata: { labels: { a: 1 } }, spec: {} }, 'metadata.labels["a"]'],
    [{ spec: { volumes: ['x'] } }, 'spec.volumes[0]'],
    [{ spec: { hostNetwork: 'yes' } }, 'spec.hostNetwork'],
    [{ spec: { containers: [{ name: 'a', readinessProbe: 7 }] } }, 'spec.containers[0].readinessProbe'],
  ] as const) {
    t.throws(() => injectPod(pod, shop, settings), { code: 'document.invalid', field })
  }
})

t.test('50 containers, 1 MiB of annotations, too many warnings', async (t) => {
  const headers = [{ name: 'X-Long', value: 'v'.repeat(3000) }]
  const containers = Array.from({ length: 50 }, (_, at) => ({
    name: `c${at}`,
    readinessProbe: { httpGet: { port: 8000 + at, path: '/', httpHeaders: headers } },
  }))
  const pod = web({ containers }, { annotations: { note: 'n'.repeat(2 ** 20) } })
  const { injected, patch, warnings } = injectPod(pod, shop, settings)
  t.ok(injected)
  const size = JSON.stringify(patch).length
  t.ok(size < 200_000, `the patch doesn't grow with annotations that it leaves alone (${size})`)
  t.equal(warnings.length, 17)
  t.match(warnings[0], /too long/)
  t.match(warnings[16], /and \d+ more warnings/)
  t.ok(warnings.every((line) => Buffer.byteLength(line) <= 256))
  const env =
    JSON.stringify(applyPatch(pod, patch)).match(/WEFT_APP_PROBES","value":"((?:[^"\\]|\\.)*)"/)?.[1] ?? ''
  t.ok(env.length > 1000 && env.length < 128 * 1024, 'the environment fits the kernel')
})

t.test('the probes in the environment are what the sidecar parses', async (t) => {
  const probe = { httpGet: { path: '/a"$(X)', port: 80 }, timeoutSeconds: 4 }
  const pod = withProbes({ livenessProbe: probe })
  const value = JSON.stringify(injectPod(pod, shop, settings).patch).match(
    /WEFT_APP_PROBES","value":("(?:[^"\\]|\\.)*")/,
  )
  const text: unknown = JSON.parse(value?.[1] ?? '')
  t.notMatch(text, /\$/, 'nothing for Kubernetes to expand')
  t.strictSame(JSON.parse(String(text)), {
    '/app-health/web/livez': {
      httpGet: { path: '/a"$(X)', port: 80, scheme: 'HTTP', httpHeaders: [] },
      timeoutSeconds: 4,
    },
  })
})

t.test('any pod: the patch applies, adds what it should, and only once', async () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
  const port = fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constant('http'), fc.constant('nobody'))
  const probe = fc.oneof(
    fc.record(
      { httpGet: fc.record({ port, path: fc.string() }, { noNullPrototype: true }) },
      { noNullPrototype: true },
    ),
    fc.record(
      { tcpSocket: fc.record({ port }, { noNullPrototype: true }), periodSeconds: fc.nat(9) },
      { noNullPrototype: true },
    ),
    fc.record({ exec: fc.constant({ command: ['true'] }) }, { noNullPrototype: true }),
  )
  const optional = { requiredKeys: ['name' as const], noNullPrototype: true }
  const container = fc.record(
    {
      name,
      readinessProbe: probe,
      livenessProbe: probe,
      startupProbe: probe,
      ports: fc.constant([{ name: 'http', containerPort: 8080 }]),
    },
    optional,
  )
  const containers = (minLength: number) =>
    fc.uniqueArray(container, { minLength, maxLength: 4, selector: (item) => item.name })
  const value = fc.oneof(fc.string(), fc.constantFrom('80', '*', 'true', '0.5', '10.0.0.0/8'))
  const key = fc.oneof(
    fc.constantFrom('weft.dev/exclude-inbound-ports', 'weft.dev/drain-seconds', 'a~1/b', '__proto__x'),
    fc.string(),
  )
  const map = fc.oneof(fc.constant(null), fc.dictionary(key, value, { noNullPrototype: true, maxKeys: 4 }))
  const pod = fc.record(
    {
      metadata: fc.record(
        { name, labels: map, annotations: map },
        { requiredKeys: [], noNullPrototype: true },
      ),
      spec: fc.record(
        {
          containers: containers(1),
          initContainers: fc.oneof(fc.constant(null), containers(0)),
          volumes: fc.oneof(
            fc.constant(null),
            fc.uniqueArray(fc.record({ name }, { noNullPrototype: true }), {
              selector: (item) => item.name,
              maxLength: 3,
            }),
          ),
        },
        { requiredKeys: ['containers'], noNullPrototype: true },
      ),
    },
    { requiredKeys: ['spec'], noNullPrototype: true },
  )
  fc.assert(
    fc.property(pod, fc.constantFrom('native' as const, 'classic' as const), (given, order) => {
      // The API server refuses a pod in which two containers have one name, init containers included.
      const inits = new Set((given.spec.initContainers ?? []).map((container) => container.name))
      fc.pre(!given.spec.containers.some((container) => inits.has(container.name)))
      const own = { ...settings, order }
      const document = JSON.parse(JSON.stringify(given)) as Json
      const { injected, patch } = injectPod(document, shop, own)
      const result = JSON.parse(JSON.stringify(applyPatch(document, patch)))
      const names = (list: { name: string }[] | null | undefined) => (list ?? []).map((item) => item.name)
      const before = { app: names(given.spec.containers), init: names(given.spec.initContainers) }
      const after = { app: names(result.spec.containers), init: names(result.spec.initContainers) }
      const wanted =
        order === 'native'
          ? { app: before.app, init: ['weft-init', 'weft-proxy', ...before.init] }
          : { app: ['weft-proxy', ...before.app], init: [...before.init, 'weft-init'] }
      const proxy = [...result.spec.initContainers, ...result.spec.containers].find(
        (item) => item.name === 'weft-proxy',
      )
      const moved: string[] = [...result.spec.initContainers, ...result.spec.containers].flatMap((item) =>
        [item.readinessProbe, item.livenessProbe, item.startupProbe].flatMap((probe) =>
          probe?.httpGet?.path?.startsWith('/app-health/') && probe.httpGet.port === 15021
            ? [probe.httpGet.path]
            : [],
        ),
      )
      const env: { name: string; value: string }[] = proxy.env
      const known = JSON.parse(env.find((item) => item.name === 'WEFT_APP_PROBES')?.value ?? '{}')
      const others = Object.entries(given.metadata?.labels ?? {}).every(
        ([label, text]) => result.metadata.labels[label] === text,
      )
      return (
        injected &&
        JSON.stringify(after) === JSON.stringify(wanted) &&
        names(result.spec.volumes).length === names(given.spec.volumes).length + 3 &&
        JSON.stringify(Object.keys(known).toSorted()) === JSON.stringify(moved.toSorted()) &&
        result.metadata.labels['weft.dev/injected'] === 'true' &&
        others &&
        injectPod(result, shop, own).patch.length === 0
      )
    }),
    { numRuns: 300 },
  )
})
