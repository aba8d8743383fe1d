import type { Target, TranslatedService } from './services.ts'

/** Which ports of pods Services lead to, kept from one version to the next by what a change touches. */
export class Targets {
  #services = new Map<string, TranslatedService>()
  readonly #byPod = new Map<string, Map<string, Target[]>>()

  /** Takes the Services as they are now; gives the pods (`namespace/name`) for which that made a difference. */
  update(services: ReadonlyMap<string, TranslatedService>): ReadonlySet<string> {
    const touched = new Set<string>()
    for (const [key, service] of services) {
      const before = this.#services.get(key)
      if (before === service) continue
      this.#services.set(key, service)
      if (before && sameTargets(before.targets, service.targets)) continue
      if (before) this.#remove(key, before, touched)
      for (const target of service.targets) {
        touched.add(target.pod)
        const ofPod = this.#byPod.get(target.pod) ?? new Map<string, Target[]>()
        this.#byPod.set(target.pod, ofPod)
        const list = ofPod.get(key)
        if (list) list.push(target)
        else ofPod.set(key, [target])
      }
    }
    if (this.#services.size > services.size) {
      for (const [key, service] of this.#services) {
        if (services.has(key)) continue
        this.#services.delete(key)
        this.#remove(key, service, touched)
      }
    }
    return touched
  }

  of(pod: string): readonly Target[] {
    const ofPod = this.#byPod.get(pod)
    return ofPod ? [...ofPod.values()].flat() : []
  }

  /** `name.namespace` of the Services that lead to a pod, sorted. */
  servicesOf(pod: string): readonly string[] {
    const keys = [...(this.#byPod.get(pod)?.keys() ?? [])]
    return keys.map((key) => key.split('/').toReversed().join('.')).toSorted()
  }

  #remove(key: string, { targets }: TranslatedService, touched: Set<string>): void {
    for (const { pod } of targets) {
      touched.add(pod)
      const ofPod = this.#byPod.get(pod)
      ofPod?.delete(key)
      if (ofPod?.size === 0) this.#byPod.delete(pod)
    }
  }
}

function sameTargets(a: readonly Target[], b: readonly Target[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, at) => {
      const other = b[at] as Target
      return (
        one.pod === other.pod &&
        one.portKey === other.portKey &&
        one.port === other.port &&
        one.protocol === other.protocol &&
        one.declared === other.declared
      )
    })
  )
}
