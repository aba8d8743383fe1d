import type { SpanView } from '../../core/api/traces.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import { inParallel } from '../mesh/in-parallel.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { readTrace, searchTraces } from '../traffic/traces.ts'

/** The newest that are kept: each is a question of its own. */
const MOST_TRACES = 200
const AT_ONCE = 4
const LONGEST_S = 3600

/** Spans of the traces of so many seconds, an hour at the most. Throws WeftError `mesh.*`. */
export async function recordedSpans(
  mesh: MeshApi,
  namespace: string | undefined,
  seconds: number,
): Promise<readonly SpanView[]> {
  const { traces, coverage } = await searchTraces(mesh, {
    last: String(Math.min(seconds, LONGEST_S)),
    limit: String(MOST_TRACES),
    ...(namespace !== undefined && { namespace }),
  })
  tellMissing(coverage)
  const spans: SpanView[] = []
  await inParallel(traces, AT_ONCE, async ({ traceId }) => {
    // One may be forgotten meanwhile.
    const trace = await readTrace(mesh, traceId).catch(() => undefined)
    spans.push(...(trace?.spans ?? []))
  })
  return spans
}
