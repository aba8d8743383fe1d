import { ANNOTATION_PREFIX } from '../../core/contract.ts'
import { telemetryTexts, type TelemetryTexts } from '../../core/telemetry-settings.ts'
import type { Snapshot } from '../registry/snapshot.ts'

/** What the annotations of namespaces say of the telemetry of their sidecars; the same object while no namespace changes. */
export class NamespaceTelemetryTranslator {
  #kept:
    | { readonly from: Snapshot['namespaces']; readonly result: ReadonlyMap<string, TelemetryTexts> }
    | undefined

  translate({ namespaces }: Snapshot): ReadonlyMap<string, TelemetryTexts> {
    if (this.#kept?.from === namespaces) return this.#kept.result
    const result = new Map<string, TelemetryTexts>()
    for (const { meta } of namespaces.values()) {
      const texts = telemetryTexts(meta.annotations, ANNOTATION_PREFIX)
      if (Object.keys(texts).length > 0) result.set(meta.name, texts)
    }
    this.#kept = { from: namespaces, result }
    return result
  }
}
