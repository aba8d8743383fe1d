import { mtlsOf, type MeshSettings, type MtlsMode, type Said } from '../model/mesh-policy.ts'
import type { PodObject } from '../registry/kinds/core.ts'
import { selects } from '../registry/kinds/label-selector.ts'
import type { PeerAuthenticationObject } from '../registry/kinds/peer-authentication.ts'

/** What the ports of a pod take. */
export interface PodMtls {
  readonly all: Said<MtlsMode>
  /** Ports that are named; others are as all. */
  readonly ports: ReadonlyMap<number, Said<MtlsMode>>
}

/**
 * Policies that select the pod beat those of its namespace, which beat MeshPolicy; within one, a port's own mode beats that
 * of the policy. Where several of one level speak of a port, STRICT wins, so that a second policy never opens what the first
 * one closed. `policies` are those of the pod's namespace, in order.
 */
export function podMtls(
  pod: { readonly meta: Pick<PodObject['meta'], 'namespace' | 'labels'> },
  policies: readonly PeerAuthenticationObject[],
  settings: MeshSettings,
): PodMtls {
  const preset = mtlsOf(settings, pod.meta.namespace)
  const selecting = policies.filter(({ selector }) => selector && selects(selector, pod.meta.labels))
  const wide = policies.filter(({ selector }) => selector === undefined)
  const ofNamespace = strictest(wide, ({ mode }) => mode) ?? preset
  const all = strictest(selecting, ({ mode }) => mode) ?? ofNamespace
  const named = new Set(selecting.flatMap(({ ports }) => Object.keys(ports).map(Number)))
  const ports = new Map(
    [...named].map((port) => [port, strictest(selecting, (one) => one.ports[port] ?? one.mode) ?? all]),
  )
  return { all, ports }
}

function strictest(
  policies: readonly PeerAuthenticationObject[],
  modeOf: (policy: PeerAuthenticationObject) => MtlsMode | undefined,
): Said<MtlsMode> | undefined {
  const speaking = policies.filter((policy) => modeOf(policy) !== undefined)
  const deciding = speaking.find((policy) => modeOf(policy) === 'STRICT') ?? speaking[0]
  const value = deciding && modeOf(deciding)
  if (!deciding || value === undefined) return undefined
  return { value, from: `PeerAuthentication ${deciding.meta.namespace}/${deciding.meta.name}` }
}
