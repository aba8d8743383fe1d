import type { TraceView as Trace } from '../../../core/api/traces.ts'
import { address, linkTo, setParams } from '../address/navigate.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { formText } from '../parts/form-text.ts'
import { CoverageNote, Facts, Panel, Waiting } from '../parts/pieces.tsx'
import { dateTime, milliseconds } from '../words/format.ts'
import { Hops } from './hops.tsx'
import { StatusBadge, traceTitle } from './status-badge.tsx'
import { Waterfall } from './waterfall.tsx'

/** While parts of it are missing, they may come. */
const POLL_MS = 3000

export function TraceView({ id }: { id: string }) {
  const answer = useAnswer<Trace>(`/api/traces/${encodeURIComponent(id)}`, POLL_MS)
  const back = (
    <p class="back">
      <a href={linkTo('traces')}>← Traces</a>
    </p>
  )
  const trace = answer.value
  if (!trace)
    return (
      <>
        {back}
        <h1>{answer.trouble?.kind === 'missing' ? 'No such trace' : 'Trace'}</h1>
        {answer.trouble?.kind === 'missing' ? (
          <Missing id={id} />
        ) : (
          <Waiting answer={answer} what="the trace" />
        )}
      </>
    )
  return (
    <>
      {back}
      <CoverageNote coverage={trace.coverage} />
      <div class="title-row">
        <h1 class="mono">
          <bdi>{traceTitle(trace)}</bdi>
        </h1>
        <StatusBadge status={trace.status} failed={trace.failed} />
      </div>
      {answer.trouble?.kind === 'missing' && (
        <p class="poor">It is no longer kept: this page has the last of it.</p>
      )}
      {!trace.whole && (
        <p class="poor" role="status">
          Parts are missing: spans name parents that are not here. They are still to come, or were not sampled
          or kept.
        </p>
      )}
      <Facts
        facts={[
          ['Began', dateTime(trace.startMs)],
          ['Took', milliseconds(trace.durationMs)],
          ['Spans', String(trace.spanCount)],
          ['Services', String(trace.services.length)],
          ['Retries', String(trace.retries)],
          ['Errors', String(trace.errors)],
          ['Trace', <code>{trace.traceId}</code>],
        ]}
      />
      <Panel title="Where the time went" hint="choose a span to see its attributes">
        <Waterfall trace={trace} />
      </Panel>
      <CompareWith id={trace.traceId} />
      <Hops id={trace.traceId} />
    </>
  )
}

function Missing({ id }: { id: string }) {
  return (
    <p class="empty">
      <code>
        <bdi>{id}</bdi>
      </code>{' '}
      is not kept: it was not sampled, or newer ones took its place. The control plane itself answers.
    </p>
  )
}

function CompareWith({ id }: { id: string }) {
  const chosen = address.value.params['with'] ?? ''
  return (
    <form
      class="search"
      aria-label="Compare with another trace"
      onSubmit={(event) => {
        event.preventDefault()
        const other = formText(event.currentTarget, 'other').toLowerCase()
        if (other !== '') location.hash = linkTo('compare', [id, other])
      }}
    >
      <label class="long">
        Compare with trace{' '}
        <input
          name="other"
          value={chosen}
          onInput={(event) => setParams({ with: event.currentTarget.value }, true)}
          pattern="\s*[0-9a-fA-F]{32}\s*"
          title="32 hexadecimal digits"
          required
        />
      </label>
      <button type="submit">Compare</button>
    </form>
  )
}
