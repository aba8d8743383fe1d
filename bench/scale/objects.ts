import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'

/** Where a Service of the bed is reached, and its endpoints. */
export interface BedService {
  readonly namespace: string
  readonly name: string
  /** clusterIP */
  readonly address: string
  readonly pods: readonly string[]
}

export interface BedPod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** `scale-0` and so on. */
export const NAMESPACES = 10
const AT_ONCE = 32

/** Makes namespaces, Services, EndpointSlices, and pods as they are once injected and running. */
export class Objects {
  readonly #connection: KubernetesConnection
  readonly pods: BedPod[] = []
  readonly services: BedService[] = []

  constructor(connection: KubernetesConnection) {
    this.#connection = connection
  }

  async make(services: number, endpoints: number, tell: (line: string) => void): Promise<void> {
    for (const name of ['weft-system', ...range(NAMESPACES).map((at) => `scale-${at}`)])
      await this.#namespace(name)
    let made = 0
    await eachOf(range(services), async (at) => {
      const namespace = `scale-${at % NAMESPACES}`
      const name = `service-${at}`
      const created = (await this.#create(`/api/v1/namespaces/${namespace}/services`, {
        metadata: { name },
        spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
      })) as { spec: { clusterIP: string } }
      const pods: string[] = []
      for (let pod = at; pod < endpoints; pod += services) pods.push(`pod-${pod}`)
      for (const pod of pods) this.pods.push(await this.#pod(namespace, pod))
      this.services.push({ namespace, name, address: created.spec.clusterIP, pods })
      await this.#create(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
        metadata: { name, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080 }],
        endpoints: endpointsOf(namespace, pods, undefined),
      })
      if (++made % 100 === 0) tell(`${made} Services with ${this.pods.length} pods`)
    })
  }

  /** Changes whether the first endpoint of a Service is ready. Resolves when the API server has taken it. */
  async change(service: BedService, ready: boolean): Promise<void> {
    const { namespace, name, pods } = service
    await this.#connection.request({
      method: 'PATCH',
      path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${name}`,
      contentType: 'application/merge-patch+json',
      body: { endpoints: endpointsOf(namespace, pods, ready ? undefined : pods[0]) },
    })
  }

  /** A token as the kubelet mounts it: of the pod, for the audience `weft`. */
  async token(pod: BedPod): Promise<string> {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }
    const path = `/api/v1/namespaces/${pod.namespace}/serviceaccounts/default/token`
    const answer = await this.#create(path, {
      spec: { audiences: ['weft'], boundObjectRef, expirationSeconds: 3600 },
    })
    return (answer as { status: { token: string } }).status.token
  }

  async #namespace(name: string): Promise<void> {
    await this.#create('/api/v1/namespaces', { metadata: { name, labels: { 'weft.dev/inject': 'enabled' } } })
    const path = `/api/v1/namespaces/${name}/serviceaccounts/default`
    // A pod is refused until the controller manager has made it.
    for (;;) {
      try {
        await this.#connection.request({ method: 'GET', path })
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  async #pod(namespace: string, name: string): Promise<BedPod> {
    const path = `/api/v1/namespaces/${namespace}/pods`
    const created = (await this.#create(path, podOf(name))) as { metadata: { uid: string } }
    const ip = addressOf(name)
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }] }
    await this.#connection.request({
      method: 'PATCH',
      path: `${path}/${name}/status`,
      contentType: 'application/merge-patch+json',
      body: { status },
    })
    return { namespace, name, uid: created.metadata.uid }
  }

  #create(path: string, body: object): Promise<unknown> {
    return this.#connection.request({ method: 'POST', path, body })
  }
}

/** Runs `task` for each, so many at a time. */
export async function eachOf<T>(list: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const rest = list.values()
  const worker = async (): Promise<void> => {
    for (const item of rest) await task(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at)
}

function addressOf(pod: string): string {
  const number = Number(pod.slice('pod-'.length))
  return `10.${100 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}

function endpointsOf(namespace: string, pods: readonly string[], notReady: string | undefined): object[] {
  return pods.map((name) => ({
    addresses: [addressOf(name)],
    conditions: { ready: name !== notReady, serving: name !== notReady, terminating: false },
    targetRef: { kind: 'Pod', namespace, name },
    nodeName: 'node1',
    zone: 'a',
  }))
}

/** As large as pods are: labels, variables, probes, volumes, and the sidecar's containers. */
function podOf(name: string): object {
  const env = range(12).map((at) => ({ name: `SETTING_${at}`, value: `value-${at}-of-${name}` }))
  const probe = { httpGet: { path: '/ready', port: 15021 }, periodSeconds: 5 }
  const container = (own: string, more: object = {}): object => ({
    name: own,
    image: `registry.example/${own}:1.0.0`,
    env,
    resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '512Mi' } },
    ...more,
  })
  return {
    metadata: {
      name,
      labels: { app: 'service', version: 'v1', 'pod-template-hash': 'abcdef' },
      annotations: { 'weft.dev/status': '{"version":"0.1.0"}' },
    },
    spec: {
      initContainers: [
        container('weft-init'),
        container('weft-proxy', { restartPolicy: 'Always', readinessProbe: probe, startupProbe: probe }),
      ],
      containers: [
        container('app', { ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: probe }),
      ],
      volumes: range(4).map((at) => ({ name: `volume-${at}`, emptyDir: {} })),
    },
  }
}
