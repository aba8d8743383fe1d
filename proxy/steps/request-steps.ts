import type { FilterConfig } from '../model/filter.ts'
import type { PathRules } from '../model/path-rules.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'
import { NormalizePathStep } from './http/normalize-path.ts'
import { CONNECTION_STEPS, REQUEST_STEPS } from './kinds.ts'
import type { AnyStepKind, ConnectionStep, RequestStep, StepDependencies } from './step.ts'

/** The steps of one connection manager, in the order in which they are asked. */
export interface RequestSteps {
  /** Before a route is chosen: what is chosen by must be in order first. */
  readonly early: readonly RequestStep[]
  /** `http_filters`, without the router, which is the exchange itself. */
  readonly steps: readonly RequestStep[]
  /** Those that look at answers, last step first, as Envoy's encoder filters. */
  readonly responders: readonly RequestStep[]
}

const NONE: readonly never[] = []

interface Kept {
  /** The list as it was handed out: configuration and open connections hold it, and when it is gone, so are they. */
  readonly list: WeakRef<object>
  readonly steps: ReadonlyMap<string, unknown>
}

/**
 * Compiles lists of filters. A filter that says the same as before, in the same place, keeps its step and what that
 * has counted: an edit elsewhere in a listener fills no bucket again.
 */
export class StepCompiler {
  readonly #deps: StepDependencies
  readonly #kept = new Map<string, Kept>()

  constructor(deps: StepDependencies) {
    this.#deps = deps
  }

  requestSteps(listener: Listener, chain: FilterChain, manager: HttpConnectionManager): RequestSteps {
    const early = comeAsTheyAre(manager.paths) ? NONE : [new NormalizePathStep(manager.paths)]
    if (manager.filters.length === 0) return { early, steps: NONE, responders: NONE }
    const place = `http/${listener.name}/${placeOf(chain, listener)}`
    const steps = this.#compile(place, manager.filters, REQUEST_STEPS) as RequestStep[]
    return { early, steps, responders: steps.filter((step) => 'respond' in step).toReversed() }
  }

  connectionSteps(listener: Listener, chain: FilterChain): readonly ConnectionStep[] {
    if (chain.filters.length === 0) return NONE
    const place = `network/${listener.name}/${placeOf(chain, listener)}`
    return this.#compile(place, chain.filters, CONNECTION_STEPS) as ConnectionStep[]
  }

  /** Once in a while: forgets the steps of what is configured no more and serves nothing any more. */
  sweep(): void {
    for (const [place, kept] of this.#kept) if (!kept.list.deref()) this.#kept.delete(place)
  }

  #compile(
    place: string,
    filters: readonly FilterConfig[],
    kinds: readonly AnyStepKind<unknown>[],
  ): unknown[] {
    const before = this.#kept.get(place)?.steps
    const steps = new Map<string, unknown>()
    for (const filter of filters) {
      const kind = kinds.find((one) => one.kind === filter.kind) as AnyStepKind<unknown>
      let key = `${filter.kind} ${filter.name} ${said(filter.config)}`
      // The same twice is two steps.
      while (steps.has(key)) key += ' '
      steps.set(key, before?.get(key) ?? kind.create(filter.config, filter.name, this.#deps))
    }
    const list = [...steps.values()]
    this.#kept.set(place, { list: new WeakRef(list), steps })
    return list
  }
}

/** No rule has anything to do. */
function comeAsTheyAre({ normalize, mergeSlashes, escapedSlashes, parameters }: PathRules): boolean {
  return !normalize && !mergeSlashes && escapedSlashes === 'keep' && parameters === 'keep'
}

/** Chains need no name: those without one are told apart by what they match. */
function placeOf(chain: FilterChain, { defaultFilterChain }: Listener): string {
  if (chain.name !== '') return chain.name
  return chain === defaultFilterChain ? '(default)' : said(chain.match)
}

function said(config: unknown): string {
  return JSON.stringify(config, (_key, value: unknown) => (value instanceof RegExp ? String(value) : value))
}
