import type { Coverage } from '../../core/api/coverage.ts'

/** Says on standard error what an answer lacks: what replicas know that did not answer, or a server that is asked in their place. */
export function tellMissing({ missing, source }: Coverage): void {
  for (const { replica, reason } of missing)
    process.stderr.write(`weft: ${replica} did not answer, and what only it knows is missing: ${reason}\n`)
  if (!source) return
  const { kind, url, failed, partial } = source
  if (failed !== undefined)
    process.stderr.write(`weft: ${kind} at ${url}: ${failed}; this is what the control plane holds\n`)
  else
    process.stderr.write(
      `weft: read from ${kind} at ${url}${partial === undefined ? '' : `, in part: ${partial}`}\n`,
    )
}
