import assert from 'node:assert/strict'
import type { Teardown } from '../pair/testing/pair.ts'
import type { Outcome, RunningClient } from './client.ts'
import type { World } from './world.ts'

/** What a case has: a mesh of its own names, and a client that follows it. */
export interface Scene {
  readonly world: World
  readonly client: RunningClient
  /** Another client of the same language, with this bootstrap. */
  readonly start: (bootstrap: object) => RunningClient
  readonly t: Teardown
}

export const target = (service: string) => `xds:///${service}.shop:50051`

/** Calls until the answers are as wanted: an edit may come after the first calls. Who waits in vain waits for the limit. */
export async function until(
  ask: () => Promise<Outcome>,
  wanted: (outcome: Outcome) => boolean,
): Promise<number> {
  const began = performance.now()
  for (;;) {
    const outcome = await ask()
    const ms = performance.now() - began
    if (wanted(outcome)) return Math.round(ms)
    if (ms > 30_000) assert.fail(`still ${JSON.stringify(outcome)} after 30 s`)
  }
}

/** Every call got this one answer. */
export const only =
  (answer: string) =>
  ({ answers }: Outcome): boolean =>
    Object.keys(answers).join() === answer
