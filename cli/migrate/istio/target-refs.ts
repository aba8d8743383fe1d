import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import type { ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'

/** `targetRef` and `targetRefs` of a policy of Istio, as far as they are Services of its namespace; `what` it becomes. */
export function readTargetRefs(spec: Fields, own: ObjectId, what: string, notes: Notes): JsonObject[] {
  const single = spec.optionalMap('targetRef')
  const all = [
    ...(single ? [readTargetRef(single, own, what, notes)] : []),
    ...spec.list('targetRefs', (ref) => readTargetRef(ref, own, what, notes)),
  ]
  return all.filter((ref) => ref !== undefined)
}

function readTargetRef(ref: Fields, own: ObjectId, what: string, notes: Notes): JsonObject | undefined {
  const kind = ref.requiredText('kind')
  const name = ref.requiredText('name')
  const group = ref.text('group') ?? ''
  const namespace = ref.text('namespace') ?? own.namespace
  ref.refuseUnknown()
  if (kind === 'Service' && (group === '' || group === 'core') && namespace === own.namespace)
    return { kind, name }
  notes.lost(
    ref.path,
    namespace === own.namespace
      ? `is a ${kind || 'target without a kind'}, for which no ${what} of Weft is`
      : `is of another namespace, ${namespace}`,
    kind === 'Service'
      ? 'write the policy into the namespace of the Service'
      : 'name the Service, or select the pods, that it leads to',
  )
  return undefined
}
