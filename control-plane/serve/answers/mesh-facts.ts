import type { CheckFinding } from '../../../core/api/checks.ts'
import type { Coverage } from '../../../core/api/coverage.ts'
import type { Replica } from '../../canary/evidence/gathered-counts.ts'
import { mergedFindings } from '../checks/merged-findings.ts'
import type { ProxyView } from '../rest/overview.ts'
import {
  groupOf,
  type RefusalCount,
  type RefusalQuery,
  type RefusalView,
} from '../telemetry/decision-store.ts'
import type { ObservedQuery, ObservedView } from '../telemetry/observed-view.ts'
import { askAll, type AllAnswers } from './ask-all.ts'
import { togetherObserved } from './merge-observed.ts'
import type { Heard, ReplicaFacts, Standing } from './replica-facts.ts'

export interface MeshFactsOptions {
  readonly own: ReplicaFacts
  /** The others, as they are now. */
  readonly replicas: () => readonly Replica[]
}

/** What all replicas know beside telemetry. Who does not answer is named. */
export class MeshFacts {
  readonly #own: ReplicaFacts
  readonly #replicas: () => readonly Replica[]

  constructor({ own, replicas }: MeshFactsOptions) {
    this.#own = own
    this.#replicas = replicas
  }

  /** By replica, this one first, whose name is ''. */
  standings(): Promise<AllAnswers<Standing>> {
    return this.#all('standing', [], this.#own.standing())
  }

  async heard(): Promise<{ readonly heard: Heard; readonly coverage: Coverage }> {
    const { answers, coverage } = await this.#all('heard', [], this.#own.heard())
    const all = answers.map(({ value }) => value)
    const heard = {
      servers: sumOfHistories(all.map(({ servers }) => servers)),
      destinations: sumOfHistories(all.map(({ destinations }) => destinations)),
      edges: [...new Set(all.flatMap(({ edges }) => edges))],
    }
    return { heard, coverage }
  }

  /** Undefined: there is no checker. */
  async checks(): Promise<
    { readonly checks: readonly CheckFinding[]; readonly coverage: Coverage } | undefined
  > {
    const own = await this.#own.checks()
    if (!own) return undefined
    const { answers, coverage } = await this.#all('checks', [], Promise.resolve(own))
    return {
      checks: mergedFindings(
        answers.map(({ value }) => value),
        coverage,
      ),
      coverage,
    }
  }

  /** The newest first; one that several tell of, as its sidecar changed over, once. */
  async refusals(
    query: RefusalQuery,
  ): Promise<{ readonly refusals: readonly RefusalView[]; readonly coverage: Coverage }> {
    const { answers, coverage } = await this.#all('refusals', [query], this.#own.refusals(query))
    const all = new Map(answers.flatMap(({ value }) => value).map((one) => [JSON.stringify(one), one]))
    const refusals = [...all.values()].sort((a, b) => b.time - a.time).slice(0, query.limit)
    return { refusals, coverage }
  }

  /** What came last first. */
  async refusalCounts(
    since: number,
    limit: number,
  ): Promise<{ readonly denials: readonly RefusalCount[]; readonly coverage: Coverage }> {
    const own = this.#own.refusalCounts(since, limit)
    const { answers, coverage } = await this.#all('refusalCounts', [since, limit], own)
    const groups = Map.groupBy(
      answers.flatMap(({ value }) => value),
      ({ last }) => groupOf(last),
    )
    const denials = [...groups.values()]
      .map((group) => ({
        count: group.reduce((sum, { count }) => sum + count, 0),
        last: group.reduce(
          (newest, { last }) => (last.time > newest.time ? last : newest),
          first(group).last,
        ),
      }))
      .sort((a, b) => b.last.time - a.last.time)
      .slice(0, limit)
    return { denials, coverage }
  }

  /** Undefined: nobody keeps any. */
  async observed(
    query: ObservedQuery,
  ): Promise<(ObservedView & { readonly coverage: Coverage }) | undefined> {
    const own = await this.#own.observed(query)
    if (!own) return undefined
    const { answers, coverage } = await this.#all('observed', [query], Promise.resolve(own))
    return { ...togetherObserved(answers.map(({ value }) => value)), coverage }
  }

  #all<T>(method: keyof ReplicaFacts, asked: readonly unknown[], own: Promise<T>): Promise<AllAnswers<T>> {
    return askAll(this.#replicas(), { method, asked, read: (value) => factOf(value) as T }, own)
  }
}

/** Who is connected to which replica; `latest` is what that replica has to give. */
export function proxiesOf({ answers }: AllAnswers<Standing>): ProxyView[] {
  return answers.flatMap(({ replica, value: { version, proxies } }) =>
    proxies.map((proxy) => ({ ...proxy, replica, latest: version })),
  )
}

/** As another replica, which is the same program, says it. */
function factOf(value: unknown): object {
  if (typeof value !== 'object' || value === null) throw new TypeError('no answer')
  return value
}

function sumOfHistories(all: readonly Heard['servers'][]): Record<string, readonly number[]> {
  const sums: Record<string, readonly number[]> = Object.create(null)
  for (const one of all)
    for (const [key, history] of Object.entries(one)) {
      const known = sums[key] ?? []
      const [longer, other] = known.length >= history.length ? [known, history] : [history, known]
      sums[key] = longer.map((rate, at) => rate + (other[at] ?? 0))
    }
  return sums
}

function first<T>(group: readonly T[]): T {
  return group[0] as T
}
