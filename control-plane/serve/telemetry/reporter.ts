/** Whose spans and metrics these are. */
export interface Reporter {
  /** By the names of its owner (docs/telemetry-names.md), never by what the report says. */
  readonly service: string
  /** Its pod's: a name stands for nobody of another namespace, whatever an annotation says. */
  readonly namespace: string
  readonly pod: string
  /** `catalog.shop`: Services that lead to the pod, for which what it served counts, too. */
  readonly behind: readonly string[]
}

/** What an authenticated caller is. */
export interface ReportingCaller {
  readonly namespace: string
  readonly serviceAccount: string
  readonly pod: { readonly name: string; readonly uid: string } | undefined
}

/** A pod as the mesh knows it. */
export interface KnownPod {
  /** '' where the mesh's source tells none. */
  readonly uid: string
  readonly service: string
  readonly services: readonly string[]
}

/**
 * A reporter speaks for its own pod alone, that of its token. One that the mesh does not know (yet, or any more, or without a
 * sidecar) has no name but that of its pod.
 */
export function reporterOf(caller: ReportingCaller, known: KnownPod | undefined): Reporter {
  const { namespace, serviceAccount, pod } = caller
  if (!pod) return { service: serviceAccount, namespace, pod: '', behind: [] }
  const isIt = known !== undefined && (known.uid === '' || known.uid === pod.uid)
  return {
    service: isIt ? known.service : pod.name,
    namespace,
    pod: pod.name,
    behind: isIt ? known.services : [],
  }
}

/** `catalog.shop`, as metrics name a destination. */
export function serviceKey({ service, namespace }: Reporter): string {
  return `${service}.${namespace}`
}
