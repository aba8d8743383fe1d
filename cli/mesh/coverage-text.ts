import type { Coverage } from '../../core/api/coverage.ts'

/** Says on standard error which replicas did not answer: what is printed lacks what they know. */
export function tellMissing({ missing }: Coverage): void {
  for (const { replica, reason } of missing)
    process.stderr.write(`weft: ${replica} did not answer, and what only it knows is missing: ${reason}\n`)
}
