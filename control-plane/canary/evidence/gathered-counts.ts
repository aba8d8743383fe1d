import { API_CLIENT_HEADER, CONTROL_PLANE } from '../../../core/contract.ts'
import { limitedText } from '../../../core/limited-body.ts'
import { slicesByService, type Snapshot } from '../../registry/snapshot.ts'
import type { CountSource, SeriesTotals } from './counts.ts'

/** Another replica of the control plane. */
export interface Replica {
  readonly pod: string
  /** `http://10.1.2.3:15080` */
  readonly address: string
  /** What it lets replicas in by; left out: it asks for nothing. */
  readonly authorization?: string | undefined
}

/** Of a question to another replica. */
export function replicaHeaders({ authorization }: Replica): Readonly<Record<string, string>> {
  return { [API_CLIENT_HEADER]: 'weft', ...(authorization !== undefined && { authorization }) }
}

const TIMEOUT_MS = 2000
const LARGEST_ANSWER = 1024 * 1024

/** Each proxy reports to one replica: the leader asks the others for what they were told. One that does not answer counts nothing. */
export function gatheredCounts(own: CountSource, replicas: () => readonly Replica[]): CountSource {
  return {
    async totals(series) {
      const others = replicas().map((replica) => askReplica(replica, series).catch(() => []))
      return (await Promise.all([own.totals(series), ...others])).flat()
    },
  }
}

/** Those behind the control plane's Service in its namespace, without the pod that asks. */
export function otherReplicas(
  snapshot: Snapshot,
  namespace: string,
  self: string,
  authorization: string | undefined,
): Replica[] {
  const slices = slicesByService(snapshot.slices).get(`${namespace}/${CONTROL_PLANE}`) ?? []
  return slices.flatMap(({ ports, endpoints }) => {
    const port = ports.find(({ name }) => name === 'http')?.port
    if (port === undefined) return []
    return endpoints.flatMap(({ ready, pod, addresses: [address] }) => {
      if (!ready || address === undefined || pod === '' || pod === `${namespace}/${self}`) return []
      return [
        { pod, address: `http://${address.includes(':') ? `[${address}]` : address}:${port}`, authorization },
      ]
    })
  })
}

async function askReplica(replica: Replica, series: readonly string[]): Promise<SeriesTotals[]> {
  const query = new URLSearchParams(series.map((one) => ['series', one]))
  const answer = await fetch(`${replica.address}/api/canary-counts?${query.toString()}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: replicaHeaders(replica),
    redirect: 'error',
  })
  const text = await limitedText(answer, LARGEST_ANSWER)
  if (!answer.ok) return []
  const { totals } = JSON.parse(text) as { readonly totals?: unknown }
  return (Array.isArray(totals) ? totals : []).flatMap((one: unknown) => {
    const { series: name, judged, failed, durations } = one as Partial<SeriesTotals>
    const sound =
      name !== undefined &&
      series.includes(name) &&
      [judged, failed].every(isCount) &&
      Array.isArray(durations) &&
      durations.every(isCount)
    if (!sound) return []
    return [{ replica: replica.pod, series: name, judged: judged ?? 0, failed: failed ?? 0, durations }]
  })
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}
