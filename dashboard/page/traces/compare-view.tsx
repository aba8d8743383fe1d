import { useMemo } from 'preact/hooks'
import type { TraceView as Trace } from '../../../core/api/traces.ts'
import { linkTo } from '../address/navigate.ts'
import { useAnswer } from '../ask/use-answer.ts'
import { Panel, Waiting } from '../parts/pieces.tsx'
import { dateTime, milliseconds } from '../words/format.ts'
import { compareTraces, type ComparedSpan } from './compare.ts'
import { StatusBadge, traceTitle } from './status-badge.tsx'

/** Where two requests differ in time, step by step. */
export function CompareView({ ids }: { ids: readonly [string, string] }) {
  const [one, two] = ids
  const first = useAnswer<Trace>(`/api/traces/${encodeURIComponent(one)}`)
  const second = useAnswer<Trace>(`/api/traces/${encodeURIComponent(two)}`)
  const rows = useMemo(
    () => (first.value && second.value ? compareTraces(first.value.spans, second.value.spans) : []),
    [first.value, second.value],
  )
  const longest = Math.max(
    1e-3,
    ...rows.flatMap((row) => [row.first?.durationMs ?? 0, row.second?.durationMs ?? 0]),
  )
  const missing = [first, second].findIndex(({ trouble }) => trouble?.kind === 'missing')
  return (
    <>
      <p class="back">
        <a href={linkTo('traces')}>← Traces</a>
      </p>
      <h1>Two traces beside each other</h1>
      {missing >= 0 && (
        <p class="empty">
          No such trace: <code>{ids[missing]}</code> is not kept.
        </p>
      )}
      {missing < 0 && (!first.value || !second.value) && (
        <Waiting answer={first.value ? second : first} what="the traces" />
      )}
      {first.value && second.value && (
        <>
          <div class="two">
            <Head letter="A" trace={first.value} />
            <Head letter="B" trace={second.value} />
          </div>
          <Panel title="Steps" hint="difference: B less A">
            <div class="scroll">
              <table class="data compare">
                <thead>
                  <tr>
                    <th scope="col">Step</th>
                    <th scope="col">A</th>
                    <th scope="col">B</th>
                    <th scope="col" class="number">
                      Difference
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row, i) => (
                    <Row key={i} row={row} longest={longest} />
                  ))}
                </tbody>
              </table>
            </div>
          </Panel>
        </>
      )}
    </>
  )
}

function Head({ letter, trace }: { letter: string; trace: Trace }) {
  return (
    <section class="panel">
      <h2>
        {letter}: <a href={linkTo('trace', [trace.traceId])}>{traceTitle(trace)}</a>{' '}
        <StatusBadge status={trace.status} failed={trace.failed} />
      </h2>
      <p class="dim">
        {dateTime(trace.startMs)}, took {milliseconds(trace.durationMs)}
      </p>
    </section>
  )
}

function Row({ row, longest }: { row: ComparedSpan; longest: number }) {
  const { first, second } = row
  const difference = first && second ? second.durationMs - first.durationMs : null
  const much = difference !== null && Math.abs(difference) > Math.max(1, 0.2 * (first?.durationMs ?? 0))
  const bar = (span: ComparedSpan['first'], hue: string) =>
    span ? (
      <span class="bar-cell">
        <i
          class={`bar ${hue}${span.status === 'error' ? ' failed' : ''}`}
          style={{ '--width': `${(span.durationMs / longest) * 100}%` }}
        />
        {milliseconds(span.durationMs)}
      </span>
    ) : (
      <span class="dim">not there</span>
    )
  return (
    <tr>
      <th scope="row" data-label="Step">
        <span class="indent" style={{ '--depth': String(Math.min(row.depth, 12)) }}>
          <bdi class="name">{row.service}</bdi> <span class="kind">{row.kind}</span>{' '}
          <bdi class="dim">{row.title}</bdi>
        </span>
      </th>
      <td data-label="A">{bar(first, 'hue0')}</td>
      <td data-label="B">{bar(second, 'hue2')}</td>
      <td class={`number ${much ? ((difference ?? 0) > 0 ? 'bad' : 'good') : ''}`} data-label="Difference">
        {difference === null
          ? '–'
          : `${difference > 0 ? '+' : difference < 0 ? '−' : ''}${milliseconds(Math.abs(difference))}`}
      </td>
    </tr>
  )
}
