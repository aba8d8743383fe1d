import {
  INIT_CONTAINER,
  INJECT_LABEL,
  PROXY_CONTAINER,
  STATUS_ANNOTATION,
  SYSTEM_NAMESPACE,
} from '../contract.ts'

/** Whose pods are never touched where an installation says nothing else. */
export const EXCLUDED_NAMESPACES: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  SYSTEM_NAMESPACE,
]

/** What decides of a pod. */
export interface PodFacts {
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
  readonly hostNetwork: boolean
  /** `spec.os.name`, else the node selector's. */
  readonly os: string | undefined
  readonly containers: readonly { readonly name: string }[]
  readonly initContainers: readonly { readonly name: string }[]
  readonly volumeNames: readonly string[]
}

export interface NamespaceView {
  readonly name: string
  /** Undefined: the caller's namespace selector has decided already that the namespace takes part. */
  readonly labels: ReadonlyMap<string, string> | undefined
}

/** Why a pod is injected or not: the word in the audit log and in the answer of injectPod. */
export type Reason =
  | 'excluded-namespace'
  | 'mirror-pod'
  | 'already-injected'
  | 'pod-disabled'
  | 'namespace-disabled'
  | 'namespace-not-enabled'
  | 'host-network'
  | 'windows'
  | 'other-mesh'
  | 'reserved-name'
  | 'pod-enabled'
  | 'namespace-enabled'

export interface Decision {
  readonly inject: boolean
  readonly reason: Reason
  /** For whoever created the pod: only where they asked for a sidecar and get none. */
  readonly warning?: string
}

export interface Question {
  readonly pod: PodFacts
  readonly namespace: NamespaceView
  readonly excludedNamespaces: readonly string[]
  /** Volumes of the sidecar: a pod that has one of its own cannot be injected. */
  readonly reservedVolumes: readonly string[]
}

const OTHER_SIDECARS = ['istio-proxy', 'linkerd-proxy', 'consul-dataplane', 'kuma-sidecar']

interface Check {
  readonly reason: Reason
  /** True or a text for people: this check decides, the pod gets no sidecar. */
  readonly refuses: (question: Question) => boolean | string
}

// In this order; the first that refuses gives the reason. Those that warn come last, so that only a pod
// that would have been injected hears of them.
const checks: readonly Check[] = [
  {
    reason: 'excluded-namespace',
    refuses: ({ namespace, excludedNamespaces }) => excludedNamespaces.includes(namespace.name),
  },
  {
    // The kubelet's image of a static pod: the API server can't change what runs.
    reason: 'mirror-pod',
    refuses: ({ pod }) => pod.annotations.has('kubernetes.io/config.mirror'),
  },
  {
    reason: 'already-injected',
    refuses: ({ pod }) => pod.annotations.has(STATUS_ANNOTATION) && has(pod, PROXY_CONTAINER),
  },
  { reason: 'pod-disabled', refuses: ({ pod }) => pod.labels.get(INJECT_LABEL) === 'disabled' },
  {
    reason: 'namespace-disabled',
    refuses: ({ pod, namespace }) => !asks(pod) && namespace.labels?.get(INJECT_LABEL) === 'disabled',
  },
  {
    reason: 'namespace-not-enabled',
    refuses: ({ pod, namespace }) =>
      !asks(pod) && namespace.labels !== undefined && namespace.labels.get(INJECT_LABEL) !== 'enabled',
  },
  {
    reason: 'host-network',
    refuses: ({ pod }) => pod.hostNetwork && 'hostNetwork pods share the rules of their node',
  },
  { reason: 'windows', refuses: ({ pod }) => pod.os === 'windows' && 'the sidecar runs on Linux only' },
  {
    // Two sets of capture rules in one network namespace send connections round in a circle.
    reason: 'other-mesh',
    refuses({ pod }) {
      const container = OTHER_SIDECARS.find((name) => has(pod, name))
      return container !== undefined && `container ${container} is the sidecar of another mesh`
    },
  },
  {
    reason: 'reserved-name',
    refuses({ pod, reservedVolumes }) {
      const container = [PROXY_CONTAINER, INIT_CONTAINER].find((name) => has(pod, name))
      if (container !== undefined) return `the name of container ${container} is reserved`
      const volume = pod.volumeNames.find((name) => reservedVolumes.includes(name))
      return volume !== undefined && `the name of volume ${volume} is reserved`
    },
  },
]

/** Whether a pod gets a sidecar, and why. */
export function decide(question: Question): Decision {
  for (const check of checks) {
    const refusal = check.refuses(question)
    if (refusal === false) continue
    if (refusal === true) return { inject: false, reason: check.reason }
    return { inject: false, reason: check.reason, warning: `not injected: ${refusal}` }
  }
  return { inject: true, reason: asks(question.pod) ? 'pod-enabled' : 'namespace-enabled' }
}

function asks(pod: PodFacts): boolean {
  return pod.labels.get(INJECT_LABEL) === 'enabled'
}

function has(pod: PodFacts, name: string): boolean {
  return [...pod.containers, ...pod.initContainers].some((container) => container.name === name)
}
