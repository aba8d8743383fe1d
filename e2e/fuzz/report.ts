import type { FuzzResult } from './result.ts'

/** The counts and every disagreement that was kept, for a reader. */
export function reportText(seed: number, result: FuzzResult): string {
  const lines = [
    `seed ${seed}: ${result.messages} messages`,
    `  requests   ${result.requestStreams} streams, ${result.requestsAccepted} requests accepted, something refused in ${result.requestStreamsRefused} streams`,
    `  responses  ${result.responseStreams} streams, ${result.responsesAccepted} answers accepted`,
    `  splits     each stream byte by byte, and accepted ones cut in two at ${result.cuts} places`,
    `  node       stricter than Weft in ${result.nodeStricter} streams`,
  ]
  for (const [name, count] of Object.entries(result.proxies)) {
    lines.push(
      `  ${name.padEnd(10)} ${count.connections} connections: ${count.agreed} requests framed alike as received, stricter in ` +
        `${count.stricter} streams; ${count.forwarded} alike as sent on, ${count.excused} left out by its own rules`,
    )
  }
  lines.push(`  noise      ${result.randomStreams} random streams`, `  ${result.failed} disagreements`)
  for (const { seed: batch, what, stream } of result.failures)
    lines.push('', `--seed ${batch} --messages 1: ${what}`, `  ${JSON.stringify(stream.slice(0, 2000))}`)
  return lines.join('\n')
}
