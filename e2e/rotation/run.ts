import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Teardown } from '../pair/testing/pair.ts'
import { within } from '../programs/within.ts'
import { startBed } from './bed.ts'
import { Load, startApplications, type Tally, type Use } from './load.ts'
import type { Options } from './options.ts'
import { changeRoot, type RootChange } from './rotate.ts'

export interface Result {
  readonly seconds: number
  readonly uses: Readonly<Record<Use, Tally>>
  readonly reasons: readonly string[]
  readonly changes: readonly RootChange[]
  /** Why it ended before its time; '' where it did not. */
  readonly broken: string
}

const PROGRESS_MS = 15_000
/** For the first uses; the steps of a change have limits of their own, by the life of leaves. */
const READY_MINUTES = 5

/** Root after root under load. `told` hears of progress. */
export async function rotate(options: Options, t: Teardown, told: (line: string) => void): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-rotation-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  await startApplications(t)
  const bed = await startBed(t, folder, options)
  const load = new Load(bed)
  const nowMs = (): number => Date.now() + options.skewSeconds * 1000
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  const changes: RootChange[] = []
  let broken = ''
  const telling = setInterval(
    () =>
      told(
        `${Math.round(seconds())} s, ${changes.length} of ${options.roots} roots changed, ${load.failed} failures`,
      ),
    PROGRESS_MS,
  )
  try {
    await within(READY_MINUTES, 'the first uses', load.ready())
    load.start()
    while (changes.length < options.roots) changes.push(await changeRoot({ bed, nowMs }))
    while (seconds() < options.seconds) await new Promise((resolve) => setTimeout(resolve, 100))
  } catch (error) {
    broken = error instanceof Error ? error.message : String(error)
  } finally {
    clearInterval(telling)
    await load.stop()
  }
  return {
    seconds: Math.round(seconds()),
    uses: Object.fromEntries(load.tallies) as Record<Use, Tally>,
    reasons: load.reasons,
    changes,
    broken,
  }
}

export function passed({ uses, broken }: Result): boolean {
  return broken === '' && Object.values(uses).every(({ done, failed }) => done > 0 && failed === 0)
}

/** Lines for a terminal. */
export function report(result: Result, { leafSeconds, skewSeconds }: Options): string {
  const worst = (of: keyof RootChange): string => {
    const all = result.changes.map((change) => change[of])
    return all.length === 0 ? '-' : `${(Math.max(...all) / 1000).toFixed(1)} s`
  }
  const skew = skewSeconds === 0 ? '' : `, the control plane's clock ${skewSeconds} s off`
  return [
    `${result.changes.length} root changes in ${result.seconds} s, leaves of ${leafSeconds} s${skew}; the control plane was killed ${result.changes.length * 4} times`,
    ...Object.entries(result.uses).map(
      ([use, { done, failed }]) => `  ${use}: ${done} done, ${failed} failed`,
    ),
    `a new root was believed by all after ${worst('acceptedAfterMs')} at most, in use after ${worst('inUseAfterMs')}, ` +
      `the old one refused after ${worst('refusedAfterMs')}`,
    ...result.reasons.map((reason) => `failed: ${reason}`),
    ...(result.broken === '' ? [] : [`broken: ${result.broken}`]),
  ].join('\n')
}
