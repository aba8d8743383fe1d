import { INJECT_LABEL } from '../../../core/contract.ts'
import type { Mesh } from '../../model/mesh.ts'
import type { CheckedMesh, CheckedPod } from '../../problems/configuration/checked-mesh.ts'
import type { PodObject } from '../../registry/kinds/core.ts'
import { namespaceLabels, type Snapshot } from '../../registry/snapshot.ts'
import { isMeshed } from '../../translate/meshed.ts'

/** A mesh that runs, as its configuration is checked. */
export function runningMesh(snapshot: Snapshot, mesh: Mesh): CheckedMesh {
  const pods = [...snapshot.pods.values()].filter(({ finished }) => !finished)
  return {
    snapshot,
    mesh,
    pods: pods.map((pod) => checkedPod(pod, snapshot)),
    namespaces: new Set([...snapshot.namespaces.values()].map(({ meta }) => meta.name)),
  }
}

function checkedPod(pod: PodObject, snapshot: Snapshot): CheckedPod {
  const { meta, owner, serviceAccount, ports } = pod
  const meshed = isMeshed(pod)
  return {
    maker: { kind: owner?.kind ?? 'Pod', namespace: meta.namespace, name: owner?.name ?? meta.name },
    meta,
    serviceAccount,
    meshed,
    leftOut: meshed || !ofTheMesh(meta.namespace, snapshot) ? '' : whyLeftOut(pod),
    ports,
  }
}

/** Its new pods get a sidecar unless they say otherwise. */
export function ofTheMesh(namespace: string, snapshot: Snapshot): boolean {
  return namespaceLabels(snapshot, namespace)[INJECT_LABEL] === 'enabled'
}

/** What in the pod itself keeps a sidecar away; '': nothing. */
export function whyLeftOut({ meta, hostNetwork }: Pick<PodObject, 'meta' | 'hostNetwork'>): string {
  if (meta.labels[INJECT_LABEL] === 'disabled') return `it is labelled ${INJECT_LABEL}: disabled`
  return hostNetwork ? 'it uses the network of its node (hostNetwork)' : ''
}
