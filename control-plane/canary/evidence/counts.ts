import type { CanaryBackend, CanaryObject } from '../../registry/kinds/canary.ts'
import { pairKey, type MetricStore } from '../../serve/telemetry/metric-store.ts'
import type { TrafficTotals } from '../../serve/telemetry/traffic.ts'
import type { OwnedRules } from '../route-shape.ts'
import type { Observation, VersionCounts } from './step-evidence.ts'

/** One series of one replica of the control plane, counted since that replica knows it. */
export interface SeriesTotals extends TrafficTotals {
  /** Whose count it is: '' is the own one. */
  readonly replica: string
  readonly series: string
}

/** What proxies told. */
export interface CountSource {
  totals(series: readonly string[]): Promise<readonly SeriesTotals[]>
}

const BY_CALLERS = 'callers '
const BY_SERVERS = 'servers '

/** Of the control plane's own store. */
export function ownCounts(
  metrics: MetricStore,
): CountSource & { now(series: readonly string[]): SeriesTotals[] } {
  const now = (series: readonly string[]): SeriesTotals[] =>
    series.flatMap((one) => {
      const traffic = one.startsWith(BY_CALLERS)
        ? metrics.backends.get(one.slice(BY_CALLERS.length))
        : one.startsWith(BY_SERVERS)
          ? metrics.servers.get(one.slice(BY_SERVERS.length))
          : undefined
      return traffic ? [{ replica: '', series: one, ...traffic.totals }] : []
    })
  return { now, totals: (series) => Promise.resolve(now(series)) }
}

/** Reads what both versions of one Canary did since it was asked last. */
export class CountReader {
  readonly #source: CountSource
  readonly #before = new Map<string, TrafficTotals>()
  #begun = false

  constructor(source: CountSource) {
    this.#source = source
  }

  /**
   * `mirrored`: as the servers saw it, because the copies of a request are not among what its caller counts; else as the
   * callers did, retries done.
   */
  async read(canary: CanaryObject, rules: OwnedRules, mirrored: boolean): Promise<Observation> {
    const { namespace } = canary.meta
    const { route, stable, canary: next } = canary.spec
    const callers = (indexes: readonly number[], { name, port }: CanaryBackend): string[] =>
      indexes.map(
        (index) =>
          BY_CALLERS +
          pairKey(`${route.kind}/${namespace}/${route.name}/${index}`, `${namespace}/${name}/${port}`),
      )
    const servers = ({ name }: CanaryBackend): string[] => [`${BY_SERVERS}${name}.${namespace}`]
    const series = {
      callers: {
        stable: callers(rules.indexes, stable),
        canary: callers([...rules.indexes, ...rules.testerIndexes], next),
      },
      servers: { stable: servers(stable), canary: servers(next) },
    }
    const all = Object.values(series).flatMap((one) => [...one.stable, ...one.canary])
    const increases = new Map<string, VersionCounts[]>()
    for (const one of await this.#source.totals(all)) {
      const increase = this.#increase(one)
      if (increase) increases.set(one.series, [...(increases.get(one.series) ?? []), increase])
    }
    this.#begun = true
    const { stable: ofStable, canary: ofCanary } = series[mirrored ? 'servers' : 'callers']
    const sum = (of: readonly string[]): VersionCounts => added(of.flatMap((one) => increases.get(one) ?? []))
    return { stable: sum(ofStable), canary: sum(ofCanary) }
  }

  /** What there was before this reader began is nobody's evidence, and neither is what a replica forgot. */
  #increase({ replica, series, judged, failed, durations }: SeriesTotals): VersionCounts | undefined {
    const key = `${replica} ${series}`
    const before = this.#before.get(key)
    this.#before.set(key, { judged, failed, durations })
    if (!before) return this.#begun ? { judged, failed, durations } : undefined
    if (judged < before.judged) return undefined
    return {
      judged: judged - before.judged,
      failed: failed - before.failed,
      durations: durations.map((count, i) => count - (before.durations[i] ?? 0)),
    }
  }
}

function added(all: readonly VersionCounts[]): VersionCounts {
  const durations: number[] = []
  for (const one of all)
    for (const [i, count] of one.durations.entries()) durations[i] = (durations[i] ?? 0) + count
  return {
    judged: all.reduce((sum, { judged }) => sum + judged, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    durations,
  }
}
