/** A Service of the mesh that reports, with its pods and whom they call. */
export interface ReportingService {
  readonly name: string
  readonly namespace: string
  readonly pods: readonly { readonly name: string; readonly ip: string }[]
  /** Indexes of Services. */
  readonly calls: readonly number[]
}

const PODS_PER_SERVICE = 5
const NAMESPACES = 10
/** No two of the first 200 are the same modulo any number of Services from 1 to 200 beyond them. */
const STRIDE = 7

/** So many pods, five to a Service (the last has what is left), each Service calling so many others. */
export function meshOf(pods: number, calls: number): readonly ReportingService[] {
  const count = Math.ceil(pods / PODS_PER_SERVICE)
  return Array.from({ length: count }, (_, index) => ({
    name: `svc-${index}`,
    namespace: `ns-${index % NAMESPACES}`,
    pods: Array.from({ length: Math.min(PODS_PER_SERVICE, pods - index * PODS_PER_SERVICE) }, (_own, pod) => {
      const number = index * PODS_PER_SERVICE + pod
      return { name: `svc-${index}-${pod}`, ip: `10.244.${number >> 8}.${(number & 255) + 1}` }
    }),
    calls: [...new Set(Array.from({ length: calls }, (_other, at) => (index + 1 + at * STRIDE) % count))],
  }))
}

/** The same for `--manifests`: a Service with an HTTPRoute, and its pods with their sidecars. */
export function manifestOf(services: readonly ReportingService[]): string {
  const namespaces = [...new Set(services.map(({ namespace }) => namespace))]
  const documents = [
    ...namespaces.map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`),
    ...services.flatMap(({ name, namespace, pods }, index) => [
      `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: 10.96.${index >> 8}.${(index & 255) + 1}, selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`,
      `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  parentRefs: [{ group: '', kind: Service, name: ${name} }]
  rules: [{ backendRefs: [{ name: ${name}, port: 80 }] }]
`,
      ...pods.map(
        (pod) => `apiVersion: v1
kind: Pod
metadata: { name: ${pod.name}, namespace: ${namespace}, labels: { app: ${name} }, annotations: { weft.dev/status: '{}' } }
spec:
  serviceAccountName: ${name}
  initContainers: [{ name: weft-init }, { name: weft-proxy, restartPolicy: Always }]
  containers: [{ name: app, ports: [{ containerPort: 8080 }] }]
status: { podIP: ${pod.ip} }
`,
      ),
    ]),
  ]
  return documents.join('---\n')
}
