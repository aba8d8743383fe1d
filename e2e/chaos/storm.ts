import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { describeError, WeftError } from '../../core/errors.ts'
import type { LocalCluster } from '../../local/cluster.ts'
import { HUNG, within } from '../programs/within.ts'
import { Faults } from './faults.ts'
import type { Outcome } from './outcome.ts'
import { plan } from './plan.ts'
import type { ChaosReport } from './report.ts'
import { holds, Tally, type Caller } from './tally.ts'

export interface StormOptions {
  readonly seed: number
  readonly seconds: number
  /** Faults that are played however long they take. */
  readonly atLeast: number
  readonly rate: number
  readonly signal: AbortSignal
  readonly onProgress: (line: string) => void
}

const CALLERS: readonly Caller[] = ['steady', 'shaken']
/** With which number each begins. */
const FIRST: Readonly<Record<Caller, number>> = { steady: 0, shaken: 1_000_000_000 }
const CALM_MS = 1000
const SETTLE_MS = 50
/** For each thing that is waited for; none takes one. */
const MINUTES = 5

/** Plays the faults of a seed on a cluster of e2e/chaos/manifests that is ready, under load. */
export async function storm(cluster: LocalCluster, options: StormOptions): Promise<ChaosReport> {
  const { seed, seconds, atLeast, rate, signal, onProgress } = options
  const tally = new Tally(FIRST)
  const problems: string[] = []
  const begun = Promise.withResolvers<void>()
  const waiting = new Set(CALLERS)
  const input = new PassThrough()
  const callers = CALLERS.map(async (caller) => {
    const lines = new PassThrough()
    createInterface(lines).on('line', (line) => {
      tally.add(caller, JSON.parse(line) as Outcome)
      if (waiting.delete(caller) && waiting.size === 0) begun.resolve()
    })
    const own = input.pipe(new PassThrough())
    const argv = ['node', 'e2e/chaos/app/caller.ts', '--rate', String(rate), '--first', String(FIRST[caller])]
    let said = ''
    const { code } = await cluster.execStreams(
      { pod: `storm/${caller}`, argv },
      {
        stdin: own,
        stdout: (chunk) => lines.write(chunk),
        stderr: (chunk) => (said += chunk.toString()) !== '',
        drained: (resume) => lines.once('drain', resume),
      },
    )
    lines.end()
    if (code !== 0) problems.push(`the caller ${caller} ended with ${code}: ${said.trim()}`)
    begun.resolve()
  })
  await within(MINUTES, 'the first requests', begun.promise)
  await later(CALM_MS)

  const faults = new Faults(cluster)
  const startedAt = performance.now()
  const elapsed = (): number => (performance.now() - startedAt) / 1000
  let played = 0
  for (const planned of plan(seed)) {
    if ((elapsed() >= seconds && played >= atLeast) || signal.aborted) break
    played++
    onProgress(`${planned.name}, ${elapsed().toFixed(0)} of ${seconds} s`)
    tally.begins(planned.name, Date.now())
    try {
      await within(MINUTES, 'the fault', faults.play(planned))
      const whole = Date.now()
      while (!tally.settled(whole) && !signal.aborted) {
        if (Date.now() > whole + MINUTES * 60_000)
          throw new WeftError(HUNG, `what callers use did not work again within ${MINUTES} minutes`)
        await later(SETTLE_MS)
      }
    } catch (error) {
      problems.push(`${planned.name}: ${describeError(error)}`)
      // It may be at work yet: what comes next would be blamed for it.
      if (error instanceof WeftError && error.code === HUNG) break
    }
  }
  await later(CALM_MS)
  onProgress('waiting for what still runs')
  input.end()
  await within(MINUTES, 'the end of the callers', Promise.all(callers))
  tally.wrote(written(cluster))
  return {
    ok: problems.length === 0 && tally.rows.every(holds) && !signal.aborted,
    seed,
    seconds: Math.round(elapsed()),
    rows: tally.rows,
    reasons: tally.reasons,
    problems,
  }
}

/** What applications logged of writes, also those whose pods are gone. */
function* written(cluster: LocalCluster): Generator<number> {
  const logs = join(cluster.stateDir, 'logs')
  for (const pod of readdirSync(logs)) {
    if (!pod.startsWith('storm_app-')) continue
    for (const [, number] of readFileSync(join(logs, pod, 'app.log'), 'utf8').matchAll(/^wrote (\d+)$/gm))
      yield Number(number)
  }
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
