import { debianProgram } from './debian.ts'
import type { Part } from './part.ts'
import type { Progress } from './progress.ts'
import { runStep } from './run-step.ts'

/** Debian's Prometheus, as a part of the cache. */
export const PROMETHEUS_PART: Part = { folder: 'debian-prometheus', make: unpackPrometheus }

/** Prometheus's program, in the folder of its part. */
export function prometheusProgram(folder: string): string {
  return debianProgram('prometheus', folder).argv[0] as string
}

/** The tool beside it, which checks rules and what is scraped. */
export function promtoolProgram(folder: string): string {
  return debianProgram('promtool', folder).argv[0] as string
}

async function unpackPrometheus(folder: string, progress: Progress): Promise<Record<string, string>> {
  progress('prometheus: fetching from Debian')
  const said = await runStep([prometheusProgram(folder), '--version'])
  return { version: said.split('\n')[0] ?? '' }
}
