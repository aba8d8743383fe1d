import type { Problem } from '../../../core/problem.ts'
import { protocolOf } from '../../model/protocol.ts'
import type { ServiceObject } from '../../registry/kinds/core.ts'
import { findingOf, nameOf, type CheckedMesh, type CheckedPod } from './checked-mesh.ts'
import { selectedPods } from './selected-pods.ts'
import { family } from './service-ports.ts'

interface Claim {
  readonly service: ServiceObject
  readonly index: number
  readonly protocol: ReturnType<typeof protocolOf>
}

/** Ports of pods that several Services lead to and call something else. */
export function sharedPortFindings({ snapshot, pods }: CheckedMesh): Problem[] {
  const claims = new Map<CheckedPod, Map<number, Claim>>()
  const found = new Map<string, Problem>()
  for (const service of [...snapshot.services.values()].toSorted(byName))
    for (const pod of selectedPods(service, pods)) {
      const ofPod = claims.get(pod) ?? new Map<number, Claim>()
      claims.set(pod, ofPod)
      for (const [index, port] of service.ports.entries()) {
        const target = portOf(port.targetPort ?? port.port, pod)
        const protocol = protocolOf({ ...port, targetPort: target })
        if (target === undefined || protocol === 'auto') continue
        const other = ofPod.get(target)
        if (!other) ofPod.set(target, { service, index, protocol })
        else if (other.service !== service && family(other.protocol) !== family(protocol)) {
          const field = `spec.ports[${index}]`
          const problem = findingOf('WEFT0207', nameOf(service), field, {
            message: `says that port ${target} of ${pod.maker.kind} ${pod.maker.name} carries ${protocol}, and Service ${other.service.meta.name} says ${other.protocol}`,
            remedy: 'let both say the same by appProtocol, or aim at different ports',
          })
          found.set(`${service.meta.namespace}/${service.meta.name} ${field}`, problem)
        }
      }
    }
  return [...found.values()]
}

function portOf(wanted: number | string, pod: CheckedPod): number | undefined {
  return typeof wanted === 'number' ? wanted : pod.ports.find(({ name }) => name === wanted)?.port
}

function byName(a: ServiceObject, b: ServiceObject): number {
  return `${a.meta.namespace}/${a.meta.name}` < `${b.meta.namespace}/${b.meta.name}` ? -1 : 1
}
