import type { TraceRow } from '../../../core/api/traces.ts'

/** The status of an answer; 0 and nothing: none came. */
export function StatusBadge({ status, failed }: { status: number | undefined; failed: boolean }) {
  if (status === undefined || status === 0)
    return failed ? <span class="tag bad">failed</span> : <span class="dim">–</span>
  return (
    <span class={`tag ${failed || status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'good'}`}>{status}</span>
  )
}

export function traceTitle({ method, path, name }: Pick<TraceRow, 'method' | 'path' | 'name'>): string {
  return path === '' ? name : `${method} ${path}`.trim()
}
