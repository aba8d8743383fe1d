const ENV = [
  ['POD', 'metadata.name'],
  ['NODE', 'spec.nodeName'],
  ['HOST_IP', 'status.hostIP'],
].map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } }))

const GRACE = { terminationGracePeriodSeconds: 5 }

/** Namespace `shop` is in the mesh, `plain` is not; each has a server on every node, and a client on the first. */
export function manifests(): object[] {
  const meshed = { 'weft.dev/inject': 'enabled' }
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: meshed } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'plain' } },
    ...['shop', 'plain'].flatMap((namespace) => [
      workload('Deployment', namespace, 'server', { replicas: 2 }, serverSpec()),
      workload('Deployment', namespace, 'client', { replicas: 1 }, clientSpec()),
      service(namespace, 'server', {}),
    ]),
    service('shop', 'near', { trafficDistribution: 'PreferSameZone' }),
    workload('DaemonSet', 'plain', 'agent', {}, { ...serverSpec(), ...GRACE }),
  ]
}

function serverSpec(): object {
  const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 }
  const container = { name: 'server', image: 'test/nodes', command: ['node', 'server.ts'], env: ENV }
  return { ...GRACE, containers: [{ ...container, ports: [{ containerPort: 8080 }], readinessProbe }] }
}

function clientSpec(): object {
  const container = { name: 'client', image: 'weft.dev/demo', command: ['node', 'idle.ts'] }
  return { ...GRACE, nodeSelector: { 'kubernetes.io/hostname': 'node-1' }, containers: [container] }
}

function service(namespace: string, name: string, more: object): object {
  const ports = [{ name: 'http', port: 8080, appProtocol: 'http' }]
  const spec = { selector: { app: 'server' }, ports, ...more }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec }
}

function workload(kind: string, namespace: string, app: string, more: object, spec: object): object {
  const template = { metadata: { labels: { app } }, spec }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: app, namespace },
    spec: { ...more, selector: { matchLabels: { app } }, template },
  }
}
