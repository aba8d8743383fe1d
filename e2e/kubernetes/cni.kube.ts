import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { NOT_CAPTURED_EXIT } from '../../core/contract.ts'
import { CHART, NAMESPACE, openHelm, RELEASE } from './chart/helm.ts'
import { startCluster } from './cluster/cluster.ts'
import { CNI_DIRECTORY, CNI_PROGRAMS, cniConfig } from './cluster/node/worker-config.ts'
import { runCommand } from '../../local/node/run-command.ts'
import { installMesh } from './mesh/install.ts'
import { CLUSTER_TRUST_BUNDLE_FLAGS } from './testing/cluster-trust-bundle.ts'

// The CNI plugin on a real kubelet and containerd: installed by the chart, as the last of the plugins of the pod network.

const LIMIT_MS = 120_000
const POLL_MS = 100
const CONFLIST = `${CNI_DIRECTORY}/10-pods.conflist`
const PROGRAM = `${CNI_PROGRAMS}/weft-cni`
const VALUES = {
  controlPlane: { replicas: 1 },
  injector: { replicas: 1 },
  // Served by this API server, and so asked for by its kubelet.
  clusterTrustBundle: { signerName: 'weft.dev/mesh', sidecars: true },
  cni: { enabled: true, binDir: CNI_PROGRAMS, confDir: CNI_DIRECTORY, stateDir: '/var/lib/weft-cni' },
}

const SHOP = `
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: { weft.dev/inject: enabled, pod-security.kubernetes.io/enforce: restricted }
---
apiVersion: v1
kind: Namespace
metadata: { name: plain }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http, appProtocol: http }] }
---
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`

/** A Deployment that answers and calls; \`restricted\` takes it. */
const deployment = (namespace: string, name: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: web
          image: 'weft.dev/demo:v1'
          command: [node, catalog.ts]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 1 }
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
`

const cluster = await startCluster({
  mode: 'node',
  apiServerFlags: CLUSTER_TRUST_BUNDLE_FLAGS,
  onProgress: (line) => t.comment(line),
})
t.teardown(() => cluster.stop())
await installMesh(cluster, (line) => t.comment(line), VALUES)
const kubectl = (...args: string[]) => cluster.kubectl(args)
const apply = (text: string) => cluster.kubectl(['apply', '--filename', '-'], { stdin: text })
const rolledOut = (what: string, namespace: string) =>
  kubectl('rollout', 'status', what, '--namespace', namespace, '--timeout=180s')

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not after ${LIMIT_MS / 1000} s: ${what}`)
    await delay(POLL_MS)
  }
}

/** Of the node's network configuration, the names of its plugins. */
async function plugins(): Promise<string> {
  const { stdout } = await cluster.exec(['cat', CONFLIST])
  return (JSON.parse(stdout) as { plugins: { type: string }[] }).plugins.map(({ type }) => type).join(' ')
}
const writeConflist = (text: string) =>
  cluster.exec(['sh', '-c', 'cat >"$1"', 'sh', CONFLIST], { input: text })
const untilPlugins = (wanted: string) => until(`plugins ${wanted}`, async () => (await plugins()) === wanted)

/** The status of a call from a pod, or why there was none. */
async function call(namespace: string, from: string): Promise<string> {
  const script = `fetch('http://web.shop.svc.cluster.local/items/1').then((a) => console.log(a.status), (e) => console.log(e.cause?.code ?? e.message))`
  const args = ['exec', '--namespace', namespace, `deployment/${from}`, '--container', 'web', '--']
  return (await kubectl(...args, 'node', '-e', script)).trim()
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: {
    readonly initContainers?: readonly Container[]
    readonly containers: readonly Container[]
    readonly volumes: readonly {
      readonly name: string
      readonly projected?: { readonly sources: readonly object[] }
    }[]
  }
  readonly status: {
    readonly initContainerStatuses?: readonly {
      readonly name: string
      readonly state: State
      readonly lastState?: State
    }[]
  }
}
interface State {
  readonly terminated?: { readonly exitCode: number; readonly message?: string }
}
interface Container {
  readonly name: string
  readonly securityContext?: { readonly capabilities?: { readonly add?: readonly string[] } }
}
async function podsOf(namespace: string, app: string): Promise<readonly Pod[]> {
  const text = await kubectl('get', 'pods', '-n', namespace, '-l', `app=${app}`, '--output=json')
  return (JSON.parse(text) as { items: Pod[] }).items
}

t.test(
  'a pod in a namespace that enforces `restricted` is in the mesh, and holds no capability',
  async (t) => {
    await rolledOut('daemonset/weft-cni', NAMESPACE)
    t.equal(await plugins(), 'ptp portmap weft-cni')
    await apply(
      SHOP +
        ['web', 'client'].map((name) => `---${deployment('shop', name)}`).join('') +
        `---${deployment('plain', 'client')}`,
    )
    for (const [name, namespace] of [
      ['web', 'shop'],
      ['client', 'shop'],
      ['client', 'plain'],
    ] as const)
      await rolledOut(`deployment/${name}`, namespace)
    t.equal(await call('shop', 'client'), '200', 'mutual TLS, as STRICT asks')
    const [own] = await podsOf('shop', 'client')
    t.match(
      own?.spec.volumes.find(({ name }) => name === 'weft-ca')?.projected?.sources,
      [{ clusterTrustBundle: { name: 'weft.dev:mesh:weft' } }],
      'by roots that the kubelet took from the ClusterTrustBundle',
    )
    t.not(await call('plain', 'client'), '200', 'whoever is outside of the mesh is refused')

    const [pod] = await podsOf('shop', 'web')
    const containers = [...(pod?.spec.initContainers ?? []), ...(pod?.spec.containers ?? [])]
    t.same(
      containers.map(({ name }) => name),
      ['weft-init', 'weft-proxy', 'web'],
    )
    t.same(
      containers.flatMap(({ securityContext }) => securityContext?.capabilities?.add ?? []),
      [],
    )
    const held = `for (const line of require('fs').readFileSync('/proc/self/status', 'utf8').split('\\n')) if (/^Cap(Prm|Eff|Bnd|Amb)/.test(line)) console.log(line)`
    for (const container of ['weft-proxy', 'web']) {
      const program = container === 'web' ? 'node' : '/usr/local/bin/node'
      const said = await kubectl(
        'exec',
        '-n',
        'shop',
        'deployment/web',
        '-c',
        container,
        '--',
        program,
        '-e',
        held,
      )
      t.equal(said.match(/^Cap\w+:\s+0+$/gm)?.length, 4, `${container}: ${said}`)
    }
    t.match(await kubectl('logs', '-n', 'shop', 'deployment/web', '-c', 'weft-init'), /traffic is captured/)
  },
)

t.test('its account may look at its own DaemonSet, and at nothing else', async (t) => {
  const may = async (...what: string[]) => {
    const as = `--as=system:serviceaccount:${NAMESPACE}:weft-cni`
    const { stdout } = await runCommand(cluster.kubectlArgv(['auth', 'can-i', as, ...what]))
    return stdout.trim()
  }
  t.equal(await may('get', 'daemonsets.apps/weft-cni', '-n', NAMESPACE), 'yes')
  for (const what of [
    ['get', 'daemonsets.apps/other', '-n', NAMESPACE],
    ['patch', 'daemonsets.apps/weft-cni', '-n', NAMESPACE],
    ['list', 'pods', '--all-namespaces'],
    ['get', 'secrets', '-n', NAMESPACE],
    ['get', 'nodes'],
  ])
    t.equal(await may(...what), 'no', what.join(' '))
})

t.test(
  'a network configuration that is overwritten while the daemon crashes gets the plugin again',
  async (t) => {
    await cluster.exec(['pkill', '-KILL', '-f', `main.mjs cni --bin-dir=${CNI_PROGRAMS}`])
    await writeConflist(cniConfig())
    await untilPlugins('ptp portmap weft-cni')
    await kubectl('rollout', 'restart', 'deployment/client', '--namespace', 'shop')
    await rolledOut('deployment/client', 'shop')
    t.equal(await call('shop', 'client'), '200')
  },
)

t.test('called by hand it answers as the specification says', async (t) => {
  const run = (command: string, more: readonly string[] = []) =>
    cluster.exec(['env', `CNI_COMMAND=${command}`, ...more, PROGRAM], {
      input: JSON.stringify({ cniVersion: '1.1.0', name: 'pods', type: 'weft-cni' }),
    })
  const gone = ['CNI_CONTAINERID=gone', 'CNI_IFNAME=eth0', 'CNI_NETNS=/run/netns/gone']
  for (const [command, more] of [
    ['DEL', gone],
    ['DEL', gone],
    ['GC', []],
    ['STATUS', []],
  ] as const)
    t.match(await run(command, more), { code: 0, stdout: '' }, command)
  t.match((await run('VERSION')).stdout, /"1\.1\.0"/)
})

t.test(
  'without its daemon the plugin goes on; without the plugin pods are held back, and mended',
  async (t) => {
    const away = (nodeSelector: object | null) =>
      kubectl(
        ...['patch', 'daemonset', 'weft-cni', '-n', NAMESPACE, '--type=merge'],
        ...['--patch', JSON.stringify({ spec: { template: { spec: { nodeSelector } } } })],
      )
    // As it goes for an upgrade: ended, while its DaemonSet is there.
    await away({ none: 'such' })
    await until(
      'no daemon',
      async () =>
        (await kubectl(
          'get',
          'pods',
          '-n',
          NAMESPACE,
          '-l',
          'app.kubernetes.io/name=weft-cni',
          '-o',
          'name',
        )) === '',
    )
    t.equal(await plugins(), 'ptp portmap weft-cni')
    await kubectl('rollout', 'restart', 'deployment/client', '--namespace', 'shop')
    await rolledOut('deployment/client', 'shop')
    t.equal(await call('shop', 'client'), '200', 'captured, with no daemon there')

    await writeConflist(cniConfig())
    const before = new Set((await podsOf('shop', 'client')).map(({ metadata }) => metadata.uid))
    const held = async () => {
      const pods = (await podsOf('shop', 'client')).filter(({ metadata }) => !before.has(metadata.uid))
      return pods.flatMap(({ metadata, status }) => {
        const init = status.initContainerStatuses?.find(({ name }) => name === 'weft-init')
        return [init?.state, init?.lastState].flatMap((one) =>
          one?.terminated?.exitCode === NOT_CAPTURED_EXIT
            ? [{ uid: metadata.uid, message: one.terminated.message }]
            : [],
        )
      })[0]
    }
    await kubectl('rollout', 'restart', 'deployment/client', '--namespace', 'shop')
    await until('a pod is held back', async () => {
      if ((await held()) !== undefined) return true
      // containerd reads the configuration when its folder changes: until then a pod may still be captured.
      const fine = (await podsOf('shop', 'client')).filter(
        ({ metadata, status }) =>
          !before.has(metadata.uid) &&
          status.initContainerStatuses?.some(
            ({ name, state }) => name === 'weft-init' && state.terminated?.exitCode === 0,
          ),
      )
      for (const { metadata } of fine)
        await kubectl(
          'delete',
          'pod',
          metadata.name,
          '--namespace',
          'shop',
          '--wait=false',
          '--ignore-not-found',
        )
      return false
    })
    const pod = await held()
    t.match(
      pod?.message,
      /traffic of this pod by IPv4 goes past its sidecar: the CNI plugin weft-cni set no rules/,
    )
    await kubectl('rollout', 'restart', 'deployment/client', '--namespace', 'plain')
    await rolledOut('deployment/client', 'plain')

    await away(null)
    await untilPlugins('ptp portmap weft-cni')
    await until('the pod was replaced', async () => {
      const pods = await podsOf('shop', 'client')
      return pods.every(({ metadata }) => metadata.uid !== pod?.uid)
    })
    await rolledOut('deployment/client', 'shop')
    t.equal(await call('shop', 'client'), '200')
  },
)

t.test('uninstalled it leaves nothing, and pods start', async (t) => {
  const helm = await openHelm((line) => t.comment(line), cluster.kubeconfig)
  t.teardown(() => helm.close())
  await helm.run(['upgrade', RELEASE, CHART, '--namespace', NAMESPACE], {
    ...VALUES,
    cni: { enabled: false },
  })
  await untilPlugins('ptp portmap')
  await until('the program is gone', async () => (await cluster.exec(['test', '-e', PROGRAM])).code !== 0)
  await kubectl('rollout', 'restart', 'deployment/client', '--namespace', 'plain')
  await rolledOut('deployment/client', 'plain')
  const state = await cluster.exec(['ls', '-A', '/var/lib/weft-cni'])
  t.equal(state.stdout, '')
})
