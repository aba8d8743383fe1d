import { INIT_CONTAINER, INJECT_LABEL, PROXY_GID, PROXY_UID, RESERVED_PORTS } from '../core/contract.ts'
import type { NamespaceView } from '../core/injection/decide.ts'
import type { ContainerView, PodView } from './pod.ts'
import type { PodSettings } from './pod-settings.ts'

/** What a person who creates an injected pod should know of it, a line each. */
export function cautions(pod: PodView, namespace: NamespaceView, settings: PodSettings): string[] {
  return [
    ...containerCautions(pod),
    ...groupCautions(pod),
    ...processCautions(pod),
    ...(settings.order === 'classic' && pod.ownedByJob
      ? ['the classic sidecar order keeps a Job from completing: the sidecar goes on running']
      : []),
    ...(settings.cni ? classicOrder(pod, settings) : podSecurity(namespace)),
  ]
}

/** A label value that is neither `enabled` nor `disabled` decides nothing; say so. */
export function labelCautions(pod: PodView, namespace: NamespaceView): string[] {
  const check = (owner: string, value: string | undefined) =>
    value === undefined || value === 'enabled' || value === 'disabled'
      ? []
      : [`label ${INJECT_LABEL} of the ${owner} is ignored: write enabled or disabled`]
  return [
    ...check('pod', pod.labels.get(INJECT_LABEL)),
    ...check('namespace', namespace.labels?.get(INJECT_LABEL)),
  ]
}

export function containerCautions(pod: PodView): string[] {
  return [...pod.initContainers, ...pod.containers].flatMap((container) => {
    const found: string[] = []
    if (
      (container.runAsUser ?? pod.runAsUser) === PROXY_UID ||
      (container.runAsGroup ?? pod.runAsGroup) === PROXY_GID
    ) {
      found.push(
        `container ${container.name} runs as the sidecar's user or group ${PROXY_UID}: it bypasses the mesh`,
      )
    }
    const powers = powersOf(container)
    if (powers !== '')
      found.push(`container ${container.name} ${powers}: what runs in it can bypass the mesh`)
    for (const { number } of container.ports) {
      if (RESERVED_PORTS.includes(number)) {
        found.push(`port ${number} of container ${container.name} belongs to the sidecar`)
      }
    }
    return found
  })
}

/** Takes the capture rules away, sends below them, or becomes the sidecar's user or group, which they pass by. */
const POWERS = new Set(['ALL', 'SYS_ADMIN', 'NET_ADMIN', 'NET_RAW', 'SETUID', 'SETGID'])

/** `is privileged`, `has NET_ADMIN`, or ''. */
function powersOf({ privileged, addedCapabilities }: ContainerView): string {
  if (privileged) return 'is privileged'
  // Container runtimes take them with their prefix, too.
  const names = addedCapabilities.filter((name) => POWERS.has(name.toUpperCase().replace(/^CAP_/, '')))
  return names.length > 0 ? `has ${names.join(', ')}` : ''
}

/** Who sees the sidecar's process and is root reads its memory and its files. */
export function processCautions(pod: PodView): string[] {
  const fields = [
    ...(pod.shareProcessNamespace ? ['shareProcessNamespace'] : []),
    ...(pod.hostPID ? ['hostPID'] : []),
  ]
  return fields.map((field) => `${field} lets the pod's containers that run as root read the sidecar's key`)
}

/**
 * A group that processes have beside their own does not take their connections past the sidecar by itself. But a
 * program whose file is of that group and has the setgid bit runs as that group; in a volume of fsGroup anybody may make one.
 */
export function groupCautions(pod: PodView): string[] {
  const fields = [
    ...(pod.supplementalGroups.includes(PROXY_GID) ? ['supplementalGroups'] : []),
    ...(pod.fsGroup === PROXY_GID ? ['fsGroup'] : []),
  ]
  return fields.map(
    (field) =>
      `${field} has the sidecar's group ${PROXY_GID}: a program of the pod that takes it on bypasses the mesh`,
  )
}

// The plugin captures from the pod's first moment on, a classic sidecar answers once all init containers are through.
function classicOrder(pod: PodView, settings: PodSettings): string[] {
  const own = pod.initContainers.map(({ name }) => name)
  if (settings.order !== 'classic' || own.length === 0) return []
  return [
    `init container ${own.join(', ')} has no network: with the CNI plugin, a classic sidecar answers for none of them`,
  ]
}

// Both profiles refuse NET_ADMIN, so the API server is about to refuse the injected pod.
function podSecurity(namespace: NamespaceView): string[] {
  const profile = namespace.labels?.get('pod-security.kubernetes.io/enforce')
  if (profile !== 'baseline' && profile !== 'restricted') return []
  return [
    `Pod Security "${profile}" refuses ${INIT_CONTAINER} (NET_ADMIN): namespace ${namespace.name} needs "privileged"`,
  ]
}
