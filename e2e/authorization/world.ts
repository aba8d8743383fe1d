/** The mesh that policies of the scenes are for: pods with sidecars, and the Services that lead to them. */

export interface Pod {
  readonly name: string
  readonly namespace: string
  readonly account: string
  readonly labels: Readonly<Record<string, string>>
  readonly address: string
  readonly address6?: string
  readonly ports: readonly number[]
}

/** By the name that calls have for them. 8080 and 9000 speak HTTP, 5432 and 8443 carry bytes, 7000 is not declared. */
export const PODS: Readonly<Record<string, Pod>> = {
  pay: {
    name: 'pay-1',
    namespace: 'payments',
    account: 'pay',
    labels: { app: 'pay', tier: 'back' },
    address: '10.1.0.1',
    address6: 'fd00:2::1:1',
    ports: [8080, 9000, 5432, 8443, 7000],
  },
  ledger: {
    name: 'ledger-1',
    namespace: 'payments',
    account: 'ledger',
    labels: { app: 'ledger', tier: 'back' },
    address: '10.1.0.2',
    ports: [8080],
  },
  cart: {
    name: 'cart-1',
    namespace: 'shop',
    account: 'cart',
    labels: { app: 'cart' },
    address: '10.1.0.3',
    ports: [8080],
  },
}

export interface ServiceOfPods {
  readonly name: string
  readonly namespace: string
  readonly selector: Readonly<Record<string, string>>
  readonly ports: readonly {
    readonly name: string
    readonly port: number
    readonly targetPort: number
    readonly appProtocol: string
  }[]
}

const WEB = { name: 'web', port: 80, targetPort: 8080, appProtocol: 'http' }
export const SERVICES: readonly ServiceOfPods[] = [
  {
    name: 'pay',
    namespace: 'payments',
    selector: { app: 'pay' },
    ports: [
      WEB,
      { name: 'rpc', port: 9000, targetPort: 9000, appProtocol: 'grpc' },
      { name: 'db', port: 5432, targetPort: 5432, appProtocol: 'tcp' },
      { name: 'tls', port: 443, targetPort: 8443, appProtocol: 'tls' },
    ],
  },
  { name: 'pay-web', namespace: 'payments', selector: { app: 'pay' }, ports: [WEB] },
  { name: 'ledger', namespace: 'payments', selector: { app: 'ledger' }, ports: [WEB] },
  { name: 'cart', namespace: 'shop', selector: { app: 'cart' }, ports: [WEB] },
]

/** The same as manifests, one document of JSON each. */
export function worldManifests(): string[] {
  const pods = Object.values(PODS).map(({ name, namespace, account, labels, address, address6, ports }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations: { 'weft.dev/status': '{}' } },
    spec: {
      serviceAccountName: account,
      initContainers: [{ name: 'weft-init' }, { name: 'weft-proxy', restartPolicy: 'Always' }],
      containers: [{ name: 'app', ports: ports.map((containerPort) => ({ containerPort })) }],
    },
    status: {
      podIP: address,
      podIPs: [address, address6].filter((ip) => ip !== undefined).map((ip) => ({ ip })),
    },
  }))
  const services = SERVICES.map(({ name, namespace, selector, ports }, at) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: `10.96.0.${at + 1}`, selector, ports },
  }))
  const slices = SERVICES.map(({ name, namespace, selector, ports }) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: ports.map((port) => ({ name: port.name, port: port.targetPort })),
    endpoints: Object.values(PODS)
      .filter((pod) => pod.namespace === namespace && pod.labels['app'] === selector['app'])
      .map((pod) => ({ addresses: [pod.address], targetRef: { kind: 'Pod', name: pod.name } })),
  }))
  return [...pods, ...services, ...slices].map((object) => JSON.stringify(object))
}
