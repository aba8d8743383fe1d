import { readMeshObject } from '../../control-plane/registry/parse-manifests.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'

export interface MeshSize {
  readonly services: number
  readonly podsOfEach: number
  /** The Services are spread over them. */
  readonly namespaces: number
}

/** Service `index`: its namespace and name. */
export function serviceAt({ namespaces }: MeshSize, index: number): { namespace: string; name: string } {
  return { namespace: `team-${index % namespaces}`, name: `service-${index}` }
}

export function podName(name: string, pod: number): string {
  return `${name}-7d9c-${pod}`
}

/** Objects of a mesh as an API server has it: Services, their pods and slices, a route of two rules each, and policies. */
export function* meshObjects(size: MeshSize): Generator<MeshObject> {
  for (let one = 0; one < size.namespaces; one++) {
    yield read('v1', 'Namespace', { name: `team-${one}`, labels: { 'weft.dev/inject': 'enabled' } }, {})
  }
  for (let index = 0; index < size.services; index++) yield* serviceObjects(size, index)
}

function* serviceObjects(size: MeshSize, index: number): Generator<MeshObject> {
  const { namespace, name } = serviceAt(size, index)
  const pods = Array.from({ length: size.podsOfEach }, (_, pod) => ({
    name: podName(name, pod),
    ip: addressOf(index * size.podsOfEach + pod),
  }))
  yield read('v1', 'ServiceAccount', { namespace, name }, {})
  yield read(
    'v1',
    'Service',
    { namespace, name },
    {
      spec: {
        clusterIP: `10.96.${index >> 8}.${index & 255}`,
        selector: { app: name },
        ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      },
    },
  )
  for (const { name: pod, ip } of pods)
    yield read(
      'v1',
      'Pod',
      {
        namespace,
        name: pod,
        labels: { app: name },
        annotations: { 'weft.dev/status': '{"version":"0.1.0"}' },
        ownerReferences: [{ kind: 'ReplicaSet', name: `${name}-7d9c`, controller: true }],
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      {
        spec: {
          serviceAccountName: name,
          initContainers: [{ name: 'weft-init' }, { name: 'weft-proxy', restartPolicy: 'Always' }],
          containers: [{ name: 'app', ports: [{ containerPort: 8080 }] }],
        },
        status: { podIP: ip, phase: 'Running' },
      },
    )
  yield read(
    'discovery.k8s.io/v1',
    'EndpointSlice',
    { namespace, name: `${name}-a`, labels: { 'kubernetes.io/service-name': name } },
    {
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: pods.map(({ name: pod, ip }) => ({
        addresses: [ip],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', namespace, name: pod },
      })),
    },
  )
  yield read(
    'gateway.networking.k8s.io/v1',
    'HTTPRoute',
    { namespace, name },
    {
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name, port: 80 }],
        rules: ['/api', '/'].map((value) => ({
          matches: [{ path: { type: 'PathPrefix', value } }],
          backendRefs: [{ name, port: 80 }],
          timeouts: { request: '10s' },
        })),
      },
    },
  )
  const caller = serviceAt(size, (index + 1) % size.services)
  yield read(
    'weft.dev/v1alpha1',
    'AuthorizationPolicy',
    { namespace, name },
    {
      spec: {
        selector: { matchLabels: { app: name } },
        action: 'ALLOW',
        rules: [
          {
            from: [{ source: { principals: [`cluster.local/ns/${caller.namespace}/sa/${caller.name}`] } }],
            to: [{ operation: { ports: [8080] } }],
          },
        ],
      },
    },
  )
}

function addressOf(pod: number): string {
  return `10.${128 + (pod >> 16)}.${(pod >> 8) & 255}.${pod & 255}`
}

function read(apiVersion: string, kind: string, metadata: object, more: object): MeshObject {
  const { object, problems } = readMeshObject({ value: { apiVersion, kind, metadata, ...more } })
  if (!object || problems.length > 0) throw new Error(`${kind}: ${JSON.stringify(problems)}`)
  return object
}
