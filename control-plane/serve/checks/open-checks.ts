import { systemClock, type Clock } from '../../../core/clock.ts'
import { inTurns } from '../../../core/in-turns.ts'
import type { Problem } from '../../../core/problem.ts'
import type { TrustBundle } from '../../../certs/trust-bundle.ts'
import type { MeshBrain } from '../../mesh.ts'
import type { Mesh } from '../../model/mesh.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import type { MeshOverview } from '../rest/overview.ts'
import type { DecisionStore } from '../telemetry/decision-store.ts'
import { pairKey, type MetricStore } from '../telemetry/metric-store.ts'
import { OBSERVED_HOURS, type ObservedStore } from '../telemetry/observed-store.ts'
import { observing } from '../telemetry/observed-view.ts'
import { meshChecking } from './mesh-checks.ts'
import { RuleUse } from './rule-use.ts'

export interface ChecksOptions {
  readonly release: string
  readonly brain: () => MeshBrain | undefined
  readonly snapshot: () => Snapshot
  readonly overview: MeshOverview
  readonly bundle: () => TrustBundle | undefined
  readonly metrics: MetricStore
  readonly observed: ObservedStore
  readonly decisions: DecisionStore
  readonly clock?: Clock
}

/** More often than counters that are idle go. */
const LOOK_EVERY_MS = 60_000
/** Over which durations are looked at. */
const DURATIONS_SECONDS = 120
const REFUSALS_MS = 300_000
/** All of a mesh is looked at: not for each question. */
const HOLDS_MS = 5000
const MOST_REFUSALS = 100

/**
 * The checker of a control plane. What `find` works out, in turns of the event loop, holds for some seconds, whoever asks, and is worked
 * out once at a time; the checker watches the use of rules until it is closed.
 */
export function openChecks(options: ChecksOptions): {
  find(): Promise<readonly Problem[]>
  close(): void
} {
  const { brain, metrics, clock = systemClock } = options
  const use = new RuleUse(metrics, clock.now())
  const timer = setInterval(() => use.look(clock.now()), LOOK_EVERY_MS)
  timer.unref()
  let last: { readonly at: number; readonly found: Promise<readonly Problem[]> } | undefined
  return {
    find() {
      const mesh = brain()?.snapshot.value.model
      if (!mesh) return Promise.resolve([])
      const now = clock.now()
      if (last && now - last.at >= 0 && now - last.at < HOLDS_MS) return last.found
      const found = inTurns(finding(options, mesh, use, now))
      last = { at: now, found }
      // What went wrong is not remembered.
      found.catch(() => (last = undefined))
      return found
    },
    close: () => clearInterval(timer),
  }
}

function* finding(
  options: ChecksOptions,
  mesh: Mesh,
  use: RuleUse,
  now: number,
): Generator<void, readonly Problem[]> {
  const { overview, metrics, observed, decisions, release } = options
  // As they are now: the mesh may change between two steps.
  const snapshot = options.snapshot()
  const running = {
    now,
    release,
    proxies: overview.proxies(),
    canaries: overview.canaries(),
    issuer: overview.issuer(),
    roots: options.bundle()?.roots ?? [],
  }
  use.look(now)
  yield
  const problems = overview.problems(false)
  yield
  const sinceMs = now - OBSERVED_HOURS * 3_600_000
  const calls = yield* observing(observed, mesh, { namespace: undefined, sinceMs, now })
  yield
  return yield* meshChecking({
    problems,
    snapshot,
    mesh,
    running,
    seen: {
      now,
      watchedSince: use.sinceMs,
      lastUse: (rule) => use.lastUse(rule),
      p99Ms: (rule, cluster) =>
        metrics.backends.get(pairKey(rule, cluster))?.view(now, DURATIONS_SECONDS).p99Ms ?? null,
      calls,
      refusals: decisions.counts(now - REFUSALS_MS, MOST_REFUSALS),
    },
  })
}
