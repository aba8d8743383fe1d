import type { Json, JsonObject } from '../../injector/json-patch.ts'
import { mapOf } from '../../local/problems/checked.ts'
import { podTemplates } from '../inject/pod-templates.ts'
import type { KnownObjects } from './known-objects.ts'

/** A pod of the input, or what a workload of it makes pods from. */
export interface InputPod {
  readonly namespace: string
  readonly pod: JsonObject
}

/** Those that have all of the labels; `namespace` undefined: of any. */
export function selectedPods(
  known: KnownObjects,
  namespace: string | undefined,
  labels: JsonObject,
): readonly InputPod[] {
  return known.objects
    .filter((object) => object.namespace !== '' && (namespace ?? object.namespace) === object.namespace)
    .flatMap((object) =>
      podTemplates(object.raw as Json).map(({ pod }) => ({ namespace: object.namespace, pod })),
    )
    .filter(({ pod }) => {
      const has = mapOf(mapOf(pod['metadata'])['labels'])
      return Object.entries(labels).every(([name, value]) => has[name] === value)
    })
}
