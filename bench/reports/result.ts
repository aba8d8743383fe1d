import type { Answered } from './questions.ts'

/** What one run found. */
export interface Result {
  readonly pods: number
  readonly services: number
  /** Sent in all, and of those what the map has at the end. */
  readonly requests: number
  readonly counted: number
  /** A second: as it was to be. */
  readonly wantedPerSecond: number
  /** As they were played, all together. */
  readonly requestsPerSecond: number
  readonly spansPerSecond: number
  /** Of those, not taken. */
  readonly lost: number
  readonly failedReports: number
  /** Of all sidecars, and of those the ones that the control plane knew at the end. */
  readonly series: number
  readonly knownSeries: number
  /** Ready, before anybody reports; then after a half of the time, at its end, and at most. Resident. */
  readonly startMib: number
  readonly middleMib: number
  readonly endMib: number
  readonly peakMib: number
  /** Of a core, while reports come. */
  readonly cpuPercent: number
  /** Of the time that its main thread was ready to run, and another process had the CPU. */
  readonly waitPercent: number
  readonly storeMib: number
  readonly answers: readonly Answered[]
  /** The longest turn of the event loop in a second: of the seconds the middle one, of a hundred the second longest, the longest. */
  readonly stallMs: { readonly p50: number; readonly p99: number; readonly longest: number }
  /** How late the reporters themselves came, at most. */
  readonly lateMs: number
  /** Of the last minute, at the end, and the CPUs there are. */
  readonly load: number
  readonly cpus: number
}

/** Resident memory: half of what the chart's limit lets it take, the same as docs/scale.md has for a large mesh. */
export const TARGET = { p99: 200, mib: 1024 }

/** Of the wanted rate: a run that brought less says nothing of the target. */
const PLAYED = 0.95

export function isWithinTarget(result: Result): boolean {
  const { answers, peakMib, lost, series, knownSeries, requests, counted } = result
  if (result.requestsPerSecond < PLAYED * result.wantedPerSecond) return false
  const quick = answers.every(({ p99 }) => p99 <= TARGET.p99)
  return quick && peakMib <= TARGET.mib && lost === 0 && knownSeries >= series && counted === requests
}

export function resultText(result: Result): string {
  const { answers, stallMs, pods, services } = result
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`
  const mib = (value: number): string => `${value.toFixed(0)} MiB`
  const rows = answers.map(
    ({ question, count, p50, p99, longest, bytes }) =>
      `| ${question} | ${count} | ${ms(p50)} | **${ms(p99)}** | ${ms(longest)} | ${(bytes / 1000).toFixed(0)} kB |`,
  )
  return `${pods} sidecars of ${services} Services, ${result.requestsPerSecond.toFixed(0)} requests and ${result.spansPerSecond.toFixed(0)} spans a second, ${result.lost} spans lost, ${result.failedReports} reports of metrics told again; ${result.series} series, of which the control plane knew ${result.knownSeries}; ${result.requests} requests sent, ${result.counted} on its map.

| control plane | |
| --- | ---: |
| resident when ready | ${mib(result.startMib)} |
| after half of the time | ${mib(result.middleMib)} |
| at its end | ${mib(result.endMib)} |
| at most | **${mib(result.peakMib)}** |
| CPU, all threads | ${result.cpuPercent.toFixed(0)} % of a core |
| its main thread was ready and another process had the CPU | ${result.waitPercent.toFixed(0)} % of the time |
| store on the disk | ${mib(result.storeMib)} |
| longest turn of the event loop in a second: p50, p99, at most | ${ms(stallMs.p50)}, ${ms(stallMs.p99)}, ${ms(stallMs.longest)} |

| question | count | p50 | p99 | longest | answer |
| --- | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}

Load of the machine ${result.load.toFixed(1)} on ${result.cpus} CPUs, reporters at most ${ms(result.lateMs)} late. Target: p99 at most ${TARGET.p99} ms, ${TARGET.mib} MiB, nothing lost, every series known, every request on the map: ${isWithinTarget(result) ? 'reached' : '**not reached**'}.`
}
