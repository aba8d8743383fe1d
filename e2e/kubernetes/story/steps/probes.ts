import { onePod } from '../../../demo/scenario.ts'
import type { KubernetesStep } from '../step.ts'

/** Its policy takes no caller without a mesh certificate; the kubelet has none. */
const PROBED = `
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: probed, namespace: shop }
spec:
  selector: { matchLabels: { app: probed } }
  mtls: { mode: STRICT }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: probed, namespace: shop }
spec:
  selector: { matchLabels: { app: probed } }
  template:
    metadata: { labels: { app: probed } }
    spec:
      containers:
        - name: http
          image: weft.dev/demo:v1
          command: [node, catalog.ts]
          ports: [{ name: http, containerPort: 8080 }]
          startupProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 1, failureThreshold: 60 }
          readinessProbe: { tcpSocket: { port: http }, periodSeconds: 1 }
          livenessProbe: { exec: { command: [node, -e, ''] }, periodSeconds: 5, timeoutSeconds: 30 }
        - name: grpc
          image: weft.dev/demo:v1
          command: [node, grpc-health.ts]
          ports: [{ containerPort: 8081 }]
          startupProbe: { grpc: { port: 8081 }, periodSeconds: 1, failureThreshold: 60 }
          readinessProbe: { grpc: { port: 8081, service: shop }, periodSeconds: 1 }
`

/** Asks the pod for what its probe asks for, past the sidecars. */
const ASK = (address: string) =>
  `fetch('http://${address}:8080/healthz').then((r) => console.log(r.status), (e) => console.log(e.cause?.code ?? e.message))`

export const probes: KubernetesStep = {
  name: 'probes',
  expected:
    'under STRICT, HTTP, TCP, gRPC and exec probes hold, and a caller without a certificate is refused',
  async run(mesh) {
    await mesh.apply(PROBED)
    await mesh.kubernetes.kubectl([
      ...['rollout', 'status', '--namespace=shop', 'deployment/probed', '--timeout=120s'],
    ])
    const pod = await onePod(mesh, 'shop', 'probed')
    const restarts = await mesh.kubernetes.kubectl([
      ...['get', 'pod', '--namespace=shop', pod.name],
      '--output=jsonpath={.status.containerStatuses[*].restartCount}',
    ])
    const outside = await onePod(mesh, 'legacy', 'client')
    const answer = (await mesh.exec(outside, ['node', '-e', ASK(pod.address)])).stdout.trim()
    const refused = answer !== '' && !/^\d+$/.test(answer)
    return {
      ok: /^0( 0)*$/.test(restarts) && refused,
      observed: `ready with ${restarts.split(' ').length} containers, restarts ${restarts}; a caller without a certificate got ${answer}`,
    }
  },
}
