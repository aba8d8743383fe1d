/**
 * What a workload is called, as its peers' telemetry calls it. Who it is they know by its certificate, namespace and service
 * account; this is what it says itself, and nothing is decided by it.
 */
export interface PeerWorkload {
  /** Its owner: the Deployment, StatefulSet and so on; the pod's own name where nothing owns it. */
  readonly workload: string
  /** `service.version` of OpenTelemetry, or ''. */
  readonly version: string
}

/** Of the text that a peer sends, in characters. */
export const LONGEST_PEER_WORKLOAD = 512

/** `k8s.*` attributes that name who owns a pod, the topmost first. */
const OWNERS = ['deployment', 'statefulset', 'daemonset', 'cronjob', 'job', 'replicaset'].map(
  (kind) => `k8s.${kind}.name`,
)

/** By its resource's attributes; undefined where they name no pod. */
export function workloadOfResource(attributes: ReadonlyMap<string, string>): PeerWorkload | undefined {
  const pod = attributes.get('k8s.pod.name') ?? ''
  const workload = OWNERS.map((key) => attributes.get(key) ?? '').find((name) => name !== '') ?? pod
  if (workload === '') return undefined
  return { workload, version: attributes.get('service.version') ?? '' }
}

/** One line of ASCII: what it holds, encoded as in a URI, between commas. '' where it would be too long. */
export function formatPeerWorkload({ workload, version }: PeerWorkload): string {
  const text = `${encodeURIComponent(workload)},${encodeURIComponent(version)}`
  return text.length > LONGEST_PEER_WORKLOAD ? '' : text
}

const WRITTEN = /^[\w.~!*'()%-]+,[\w.~!*'()%-]*$/

/** The reverse; undefined where the text is none that `formatPeerWorkload` gives. */
export function parsePeerWorkload(text: string): PeerWorkload | undefined {
  if (text.length > LONGEST_PEER_WORKLOAD || !WRITTEN.test(text)) return undefined
  try {
    const [workload = '', version = ''] = text.split(',').map((part) => decodeURIComponent(part))
    return { workload, version }
  } catch {
    return undefined
  }
}
