import type { FilterConfig } from '../model/filter.ts'
import type { PathRules } from '../model/path-rules.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'
import { NormalizePathStep } from './http/normalize-path.ts'
import { CONNECTION_STEPS, REQUEST_STEPS } from './kinds.ts'
import { said } from './said.ts'
import type { AnyStepKind, ConnectionStep, RequestStep, StepDependencies } from './step.ts'

/** The steps of one connection manager, in the order in which they are asked. */
export interface RequestSteps {
  /** Before a route is chosen: what is chosen by must be in order first. */
  readonly early: readonly RequestStep[]
  /** `http_filters`, without the router, which is the exchange itself. */
  readonly steps: readonly RequestStep[]
  /** Those that look at answers, last step first, as Envoy's encoder filters. */
  readonly responders: readonly RequestStep[]
  /** Those that look at how requests go on. */
  readonly watchers: readonly RequestStep[]
  /** Those that decide who may, and are asked again where their rules change. */
  readonly authorizers: readonly RequestStep[]
  /** They ask for fields. */
  readonly authorizeByFields: boolean
  /** The first that ties requests to endpoints. */
  readonly sessions?: Required<Pick<RequestStep, 'session'>> | undefined
  /** The least of theirs; Infinity: bodies may have any length. */
  readonly bodyLimit: number
  /** Folded names of request fields that one of them alone writes. */
  readonly ownFields?: ReadonlySet<string> | undefined
}

type AnyStep = RequestStep | ConnectionStep

const NONE: readonly never[] = []
/** Of a manager without filters. */
export const NO_STEPS: RequestSteps = {
  early: NONE,
  steps: NONE,
  responders: NONE,
  watchers: NONE,
  authorizers: NONE,
  authorizeByFields: false,
  bodyLimit: Infinity,
}

interface Kept {
  /** Whose steps they are. */
  readonly owner: WeakRef<object>
  readonly steps: ReadonlyMap<string, AnyStep>
}

/**
 * Compiles lists of filters. A filter that says the same as before, in the same place, keeps its step and what that
 * has counted: an edit elsewhere in a listener fills no bucket again.
 */
export class StepCompiler {
  readonly #deps: StepDependencies
  readonly #kept = new Map<string, Kept>()
  /** Steps that chains of a listener share, for as long as those of one are kept. */
  readonly #shared = new Map<string, AnyStep>()

  constructor(deps: StepDependencies) {
    this.#deps = deps
  }

  requestSteps(listener: Listener, chain: FilterChain, manager: HttpConnectionManager): RequestSteps {
    const early = comeAsTheyAre(manager.paths) ? NONE : [new NormalizePathStep(manager.paths)]
    if (manager.filters.length === 0) return { ...NO_STEPS, early }
    const place = `http/${placeOf(listener, chain)}`
    const { filters } = manager
    const steps = this.#compile(listener.name, place, manager, filters, REQUEST_STEPS) as RequestStep[]
    const authorizers = steps.filter(({ authorizes }) => authorizes)
    return {
      early,
      steps,
      responders: steps.filter((step) => 'respond' in step).toReversed(),
      watchers: steps.filter((step) => 'finished' in step),
      authorizers,
      authorizeByFields: authorizers.some(({ authorizes }) => authorizes?.byFields),
      sessions: steps.find(tiesRequests),
      bodyLimit: Math.min(...steps.map((step) => step.bodyLimit ?? Infinity)),
      ownFields: ownFieldsOf(steps),
    }
  }

  connectionSteps(listener: Listener, chain: FilterChain): readonly ConnectionStep[] {
    if (chain.filters.length === 0) return NONE
    const place = `network/${placeOf(listener, chain)}`
    return this.#compile(listener.name, place, chain, chain.filters, CONNECTION_STEPS) as ConnectionStep[]
  }

  /**
   * Once in a while: forgets the steps of what is gone, and has counted nothing that whoever comes in its place must
   * know: connections may outlive their chain, and a new chain may wait long for its first one.
   */
  sweep(): void {
    for (const [place, { owner, steps }] of this.#kept)
      if (!owner.deref() && [...steps.values()].every((step) => step.fresh?.() ?? true))
        this.#kept.delete(place)
    if (this.#shared.size === 0) return
    const held = new Set([...this.#kept.values()].flatMap(({ steps }) => [...steps.values()]))
    for (const [key, step] of this.#shared) if (!held.has(step)) this.#shared.delete(key)
  }

  #compile(
    listener: string,
    place: string,
    owner: object,
    filters: readonly FilterConfig[],
    kinds: readonly AnyStepKind<AnyStep>[],
  ): AnyStep[] {
    const before = this.#kept.get(place)?.steps
    const steps = new Map<string, AnyStep>()
    for (const filter of filters) {
      const kind = kinds.find((one) => one.kind === filter.kind) as AnyStepKind<AnyStep>
      let key = `${filter.kind} ${filter.name} ${said(filter.config)}`
      // The same twice is two steps.
      while (steps.has(key)) key += ' '
      const create = (): AnyStep => kind.create(filter.config, filter.name, this.#deps)
      const made = kind.shared ? this.#sharedStep(`${listener} ${key}`, create) : undefined
      steps.set(key, made ?? before?.get(key) ?? create())
    }
    this.#kept.set(place, { owner: new WeakRef(owner), steps })
    return [...steps.values()]
  }

  #sharedStep(key: string, create: () => AnyStep): AnyStep {
    let step = this.#shared.get(key)
    if (!step) this.#shared.set(key, (step = create()))
    return step
  }
}

/** Chains need no name, but no two of a listener match the same. */
function placeOf(listener: Listener, chain: FilterChain): string {
  if (chain === listener.defaultFilterChain) return `${listener.name} default`
  return `${listener.name} ${chain.name === '' ? said(chain.match) : chain.name}`
}

function tiesRequests(step: RequestStep): step is RequestStep & Required<Pick<RequestStep, 'session'>> {
  return step.session !== undefined
}

function ownFieldsOf(steps: readonly RequestStep[]): ReadonlySet<string> | undefined {
  const all = steps.flatMap(({ ownFields }): readonly string[] => (ownFields ? [...ownFields] : NONE))
  return all.length === 0 ? undefined : new Set(all)
}

/** No rule has anything to do. */
function comeAsTheyAre({ normalize, mergeSlashes, escapedSlashes, parameters }: PathRules): boolean {
  return !normalize && !mergeSlashes && escapedSlashes === 'keep' && parameters === 'keep'
}
