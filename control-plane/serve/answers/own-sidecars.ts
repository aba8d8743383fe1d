import type { Sidecar } from '../../../core/api/sidecars.ts'
import type { NamedProxy } from '../rest/overview.ts'
import type { SidecarReport } from '../telemetry/sidecar-store.ts'

/** Streams of this replica and what was reported to it, a sidecar each. `version`: of the mesh, as it is here. */
export function ownSidecars(
  streams: readonly NamedProxy[],
  reports: readonly SidecarReport[],
  version: number,
): readonly Sidecar[] {
  const told = new Map(reports.map((one) => [`${one.namespace}/${one.pod}`, one]))
  const sidecars = new Map<string, Sidecar>()
  for (const stream of streams) {
    const key = `${stream.namespace}/${stream.pod}`
    const { connectedAt, rejected, runtime = '', service, serviceAccount, version: took } = stream
    const other = sidecars.get(key)
    if (other && (other.connectedAt ?? 0) > connectedAt) continue
    sidecars.set(key, {
      namespace: stream.namespace,
      pod: stream.pod,
      service,
      serviceAccount,
      connectedAt,
      runtime,
      version: took,
      behind: Math.max(0, version - took),
      rejected,
      ...factsOf(told.get(key)),
    })
  }
  for (const [key, report] of told)
    if (!sidecars.has(key)) {
      const { namespace, pod } = report
      sidecars.set(key, {
        ...{ namespace, pod, service: '', serviceAccount: '', connectedAt: null, runtime: '' },
        ...{ version: 0, behind: 0, rejected: '' },
        ...factsOf(report),
      })
    }
  return [...sidecars.values()]
}

function factsOf(
  report: SidecarReport | undefined,
): Pick<Sidecar, 'reportedAt' | 'certificateEndsAt' | 'rootEndsAt' | 'configChangedAt'> {
  return {
    reportedAt: report?.reportedAt ?? null,
    certificateEndsAt: report?.certificateEndsAt ?? null,
    rootEndsAt: report?.rootEndsAt ?? null,
    configChangedAt: report?.configChangedAt ?? null,
  }
}
