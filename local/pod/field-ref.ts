import { WeftError } from '../../core/errors.ts'

/** What a pod may be told about itself. */
export interface PodFacts {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly serviceAccount: string
  readonly node: string
  readonly hostIp: string
  readonly ips: readonly string[]
}

/** The value behind a `fieldRef`. Source: Kubernetes, downward API. */
export function fieldRef(path: string, pod: PodFacts): string {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path)
  if (keyed) return (keyed[1] === 'labels' ? pod.labels : pod.annotations)[keyed[2] ?? ''] ?? ''
  switch (path) {
    case 'metadata.name':
      return pod.name
    case 'metadata.namespace':
      return pod.namespace
    case 'metadata.uid':
      return pod.uid
    case 'metadata.labels':
      return listed(pod.labels)
    case 'metadata.annotations':
      return listed(pod.annotations)
    case 'spec.serviceAccountName':
      return pod.serviceAccount
    case 'spec.nodeName':
      return pod.node
    case 'status.hostIP':
    case 'status.hostIPs':
      return pod.hostIp
    case 'status.podIP':
      return pod.ips[0] ?? ''
    case 'status.podIPs':
      return pod.ips.join(',')
    default:
      throw new WeftError('local.field_ref', `\`${path}\` is not a field a pod can be told`, {
        field: 'fieldPath',
      })
  }
}

function listed(map: Readonly<Record<string, string>>): string {
  return Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}
