import {
  CONTROL_PLANE,
  HTTP_PORT,
  INJECTOR,
  METRICS_PORT,
  PROXY_CONTAINER,
  SYSTEM_NAMESPACE,
  WEBHOOK_PORT,
} from '../../core/contract.ts'
import type { PodStatus } from '../../local/control/status.ts'

/** A group of Prometheus's discovery by files. */
export interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** Every port of the mesh's pods that tells metrics, with the labels that the discovery of Kubernetes would give it. */
export function scrapeTargets(pods: readonly PodStatus[]): readonly TargetGroup[] {
  return pods.flatMap((pod) => {
    const address = pod.ips[0]
    const port = portOf(pod)
    if (address === undefined || port === undefined) return []
    const host = address.includes(':') ? `[${address}]` : address
    return [
      {
        targets: [`${host}:${port.number}`],
        labels: {
          __meta_kubernetes_namespace: pod.namespace,
          __meta_kubernetes_pod_name: pod.name,
          __meta_kubernetes_pod_phase: pod.phase,
          __meta_kubernetes_pod_container_port_name: port.name,
          __meta_kubernetes_pod_container_port_number: String(port.number),
          // As the chart labels its own pods.
          __meta_kubernetes_pod_label_app_kubernetes_io_name: component(pod),
        },
      },
    ]
  })
}

function portOf(pod: PodStatus) {
  const { containers, namespace } = pod
  if (containers.some(({ name }) => name === PROXY_CONTAINER))
    return { name: 'weft-metrics', number: METRICS_PORT }
  if (namespace !== SYSTEM_NAMESPACE) return undefined
  if (component(pod) === CONTROL_PLANE) return { name: 'http', number: HTTP_PORT }
  return component(pod) === INJECTOR ? { name: 'webhook', number: WEBHOOK_PORT } : undefined
}

function component({ labels }: PodStatus): string {
  return labels['app.kubernetes.io/name'] ?? labels['app'] ?? ''
}
