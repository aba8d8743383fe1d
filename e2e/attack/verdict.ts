export interface AttackResult {
  readonly name: string
  readonly ok: boolean
  readonly honest_requests: number
  readonly honest_failed: number
  /** The longest answer of what was attacked, milliseconds. */
  readonly stall_ms: number
  /** Resident memory of what was attacked at its highest, MiB. */
  readonly rss_mib: number
  /** How much of it came with the attack, MiB. */
  readonly growth_mib: number
  /** What did not hold; empty when all did. */
  readonly problems: readonly string[]
}

/** What honest.ts tells. */
export interface HonestReport {
  readonly calm_ms: number
  readonly requests: number
  readonly failed: number
  readonly errors: Readonly<Record<string, number>>
  readonly stall_ms: number
}

/**
 * What a loop may be held up by, besides four times what the machine shows without an attack. Generous, for a busy
 * machine: what these attacks do to one that has no mend is many times that, by their counts.
 */
const STALL_MS = 2500
const CALM_TIMES = 4

/** Whether what was seen is what must hold. */
export function judge(
  attack: { readonly name: string; readonly growthMib: number },
  honest: HonestReport,
  memory: { readonly before: number; readonly after: number },
  problems: readonly string[],
): AttackResult {
  const all = [...problems]
  const growth = memory.after - memory.before
  const allowedMs = STALL_MS + CALM_TIMES * honest.calm_ms
  if (honest.requests === 0) all.push('no honest request was sent')
  if (honest.failed > 0) all.push(`honest requests failed: ${JSON.stringify(honest.errors)}`)
  if (honest.stall_ms > allowedMs) all.push(`it stalled for ${honest.stall_ms} ms (${allowedMs} allowed)`)
  if (growth > attack.growthMib) all.push(`it grew by ${growth} MiB (${attack.growthMib} allowed)`)
  return {
    name: attack.name,
    ok: all.length === 0,
    honest_requests: honest.requests,
    honest_failed: honest.failed,
    stall_ms: honest.stall_ms,
    rss_mib: memory.after,
    growth_mib: growth,
    problems: all,
  }
}
