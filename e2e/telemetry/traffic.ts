import { load, onePod } from '../demo/scenario.ts'
import type { TelemetryBed } from './bed.ts'

/** One caller's requests, and what the mesh has to tell of each. */
interface Part {
  readonly from: readonly [namespace: string, app: string]
  readonly url: string
  readonly count: number
  /** Requests that callers' sidecars see, by the Service that is asked. */
  readonly asked: Readonly<Record<string, number>>
  /** Spans, and lines of access logs: one for each side of each hop that has a sidecar. */
  readonly spans: number
  readonly status: number
}

const PARTS: readonly Part[] = [
  {
    from: ['shop', 'client'],
    url: 'http://web:8080/stocked/{n}',
    count: 40,
    asked: { 'web.shop': 1, 'catalog.shop': 1, 'inventory.shop': 1 },
    spans: 6,
    status: 200,
  },
  {
    from: ['shop', 'client'],
    url: 'http://catalog:8080/items/{n}',
    count: 40,
    asked: { 'catalog.shop': 1 },
    spans: 2,
    status: 200,
  },
  {
    from: ['shop', 'client'],
    url: 'http://broken:8080/stock/{n}',
    // Enough in five minutes for an alert.
    count: 60,
    asked: { 'broken.shop': 1 },
    spans: 2,
    status: 503,
  },
  // Without an endpoint nobody is asked.
  {
    from: ['shop', 'client'],
    url: 'http://nobody:8080/',
    count: 5,
    asked: { 'nobody.shop': 1 },
    spans: 1,
    status: 503,
  },
  {
    from: ['shop', 'intruder'],
    url: 'http://catalog:8080/items/{n}',
    count: 5,
    asked: { 'catalog.shop': 1 },
    spans: 2,
    status: 403,
  },
  // No sidecar of its own tells of these.
  {
    from: ['legacy', 'client'],
    url: 'http://web.shop:8080/items/{n}',
    count: 5,
    asked: { 'catalog.shop': 1 },
    spans: 3,
    status: 200,
  },
]

/** What everything together must come to. */
export interface Sent {
  /** Requests by the Service that was asked, as callers' sidecars count them. */
  readonly asked: Readonly<Record<string, number>>
  readonly spans: number
}

/** Sends all of it once. Throws where a request is answered otherwise than it should be. */
export async function sendAll({ mesh }: TelemetryBed): Promise<Sent> {
  for (const { from, url, count, status } of PARTS) {
    const pod = await onePod(mesh, ...from)
    const { statuses } = await load(mesh, pod, '--url', url, '--count', String(count))
    if (statuses[status] !== count)
      throw new Error(`${count} of ${url} by ${from.join('/')} were answered ${JSON.stringify(statuses)}`)
  }
  const asked: Record<string, number> = {}
  for (const part of PARTS)
    for (const [service, each] of Object.entries(part.asked))
      asked[service] = (asked[service] ?? 0) + each * part.count
  return { asked, spans: PARTS.reduce((sum, { count, spans }) => sum + count * spans, 0) }
}

/** Two rounds. */
export function together(one: Sent, other: Sent): Sent {
  const asked = Object.fromEntries(
    Object.entries(one.asked).map(([service, count]) => [service, count + (other.asked[service] ?? 0)]),
  )
  return { asked, spans: one.spans + other.spans }
}
