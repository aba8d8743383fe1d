import { listOf, mapOf, textOf } from '../../../local/problems/checked.ts'
import type { KnownObjects } from '../known-objects.ts'
import type { ObjectId } from '../manifests.ts'

/** Which subsets the DestinationRules of the input have. */
export class Subsets {
  readonly #names = new Set<string>()

  constructor(known: KnownObjects) {
    for (const { raw, namespace } of known.ofKind('DestinationRule', 'networking.istio.io')) {
      const spec = mapOf(raw['spec'])
      const [name = '', of = namespace] = textOf(spec['host']).split('.')
      for (const subset of listOf(spec['subsets']))
        this.#names.add(`${of}/${name}/${textOf(mapOf(subset)['name'])}`)
    }
  }

  has({ namespace, name }: ObjectId, subset: string): boolean {
    return this.#names.has(`${namespace}/${name}/${subset}`)
  }
}
