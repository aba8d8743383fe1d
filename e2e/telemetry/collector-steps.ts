import { eventually, type Step } from '../demo/scenario.ts'
import type { TelemetryBed } from './bed.ts'
import type { Sent } from './traffic.ts'

const PATIENCE_S = 60

/** What a real Collector took and passed on: it counts both itself. */
export function collectorSteps(sent: () => Sent): readonly Step<TelemetryBed>[] {
  return [
    {
      name: 'spans through the Collector',
      expected: 'as many in and out as sidecars sent, and none refused',
      run: (bed) =>
        counts(bed, sent().spans, [
          'sum(weft_spans_exported_total)',
          'sum(otelcol_receiver_accepted_spans)',
          'sum(otelcol_exporter_sent_spans)',
        ]),
    },
    {
      name: 'log records through the Collector',
      expected: 'one for each line of an access log, in and out',
      run: (bed) =>
        counts(bed, sent().spans, [
          'sum(otelcol_receiver_accepted_log_records)',
          'sum(otelcol_exporter_sent_log_records)',
        ]),
    },
    {
      name: 'metrics through the Collector',
      expected: 'as many requests by Service as were sent, as the Collector tells Prometheus',
      run: async (bed) => {
        const failures: string[] = []
        for (const [service, count] of Object.entries(sent().asked)) {
          // A split counts for the Services that it is split among: catalog-v1, catalog-v2.
          const its = `weft_destination_service=~"${service.replace('.', '(-v[12])?[.]')}"`
          const { ok, observed } = await counts(bed, count, [
            `sum(collected_http_client_request_duration_seconds_count{${its}})`,
          ])
          if (!ok) failures.push(`${service}: ${observed}`)
        }
        const refused = await bed.prometheus.number(
          'sum({__name__=~"otelcol_(receiver_refused|exporter_send_failed)_.+"}) or vector(0)',
        )
        if (refused > 0) failures.push(`${refused} refused or lost`)
        return {
          ok: failures.length === 0,
          observed: failures.join('; ') || `${Object.keys(sent().asked).length} Services, none refused`,
        }
      },
    },
  ]
}

/** Each query comes to `wanted`, and stays there. */
async function counts({ prometheus }: TelemetryBed, wanted: number, queries: readonly string[]) {
  let seen: readonly number[] = []
  const found = async () => {
    seen = await Promise.all(queries.map((query) => prometheus.number(query)))
    return seen.every((one) => one === wanted) ? true : undefined
  }
  const ok = await eventually(PATIENCE_S, 'the counts', found).catch(() => false)
  return { ok, observed: `${seen.join(', ')} of ${wanted}` }
}
