import t from 'tap'
import { startCluster } from './cluster/cluster.ts'
import { loadMeshImages, VERSION } from './mesh/images.ts'
import { holdCluster } from './testing/hold-cluster.ts'
import { leftovers, machineState, tracesOf, untilNothingLeft } from './testing/leftovers.ts'

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      initContainers:
        - name: capture
          image: 'weft-init:${VERSION}'
          args: [init, --exclude-inbound-ports, '8080']
          securityContext:
            runAsUser: 0
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL], add: [NET_ADMIN, NET_RAW] }
        - name: sidecar
          image: 'weft.dev/demo:v1'
          command: [node, idle.ts]
          restartPolicy: Always
          securityContext: { runAsUser: 1337 }
      containers:
        - name: web
          image: 'weft.dev/demo:v1'
          command: [node, catalog.ts]
          env: [{ name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 1 }
          livenessProbe: { exec: { command: [node, -e, ''] }, periodSeconds: 5, timeoutSeconds: 30 }
          resources: { requests: { cpu: 10m, memory: 32Mi }, limits: { memory: 256Mi } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
`

/** Its memory limit ends it. */
const GREEDY = `
apiVersion: v1
kind: Pod
metadata: { name: greedy }
spec:
  restartPolicy: Never
  containers:
    - name: greedy
      image: 'weft.dev/demo:v1'
      command: [node, -e, 'const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1))']
      resources: { limits: { memory: 128Mi } }
`

const CALLS = `
apiVersion: batch/v1
kind: Job
metadata: { name: calls }
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: calls
          image: 'weft.dev/demo:v1'
          command: [node, load.ts, --url, 'http://web.default.svc.cluster.local/items/1', --count, '20']
`

t.test('pods run as they do anywhere', async (t) => {
  const before = machineState()
  const cluster = await startCluster({ mode: 'node', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  const traces = tracesOf(cluster.logs)
  await loadMeshImages(cluster)
  t.comment('images loaded')
  const create = (manifest: string) => cluster.kubectl(['apply', '--filename', '-'], { stdin: manifest })
  const wait = (...args: string[]) => cluster.kubectl(['wait', '--timeout=120s', ...args])

  await create(WEB)
  await create(GREEDY)
  await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  t.match(
    await cluster.kubectl(['logs', 'deployment/web', '--container', 'capture']),
    /capture rules set.*"family":4/,
    'iptables sets its rules in a pod',
  )
  const inWeb = (...argv: string[]) =>
    cluster.kubectl(['exec', 'deployment/web', '--container', 'web', '--', ...argv])
  t.match(await inWeb('node', '--print', 'process.env.POD_NAME'), /^web-/, 'exec')
  t.equal(
    await cluster.kubectl([
      ...['exec', 'deployment/web', '--container', 'sidecar', '--'],
      ...['node', '--print', 'process.getuid()'],
    ]),
    '1337\n',
    'a native sidecar runs beside it, as its own user',
  )
  await wait('--for=jsonpath={.subsets[0].addresses[1].ip}', 'endpoints/web')
  await create(CALLS)
  await wait('--for=condition=Complete', 'job/calls')
  const calls = JSON.parse(
    (await cluster.kubectl(['logs', 'job/calls'])).split('\n').find((line) => line.startsWith('{')) ?? '',
  ) as { failed: number; statuses: object }
  t.match(calls, { failed: 0, statuses: { 200: 20 } }, 'a Service by its name')
  await wait('--for=jsonpath={.status.containerStatuses[0].state.terminated.reason}=OOMKilled', 'pod/greedy')

  t.equal(cluster.failure, undefined)
  await cluster.stop()
  t.same(leftovers(traces), [], 'nothing is left')
  t.same(machineState(), before, 'the machine is as it was')
})

t.test('a launcher that is killed takes its node and its pods along', async (t) => {
  const { child, traces } = await holdCluster('node')
  t.teardown(() => child.kill('SIGKILL'))
  t.not(leftovers(traces).length, 0)
  child.kill('SIGKILL')
  await untilNothingLeft(traces)
})
