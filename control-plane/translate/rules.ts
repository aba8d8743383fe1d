import { routeLogTexts } from '../../core/telemetry-settings.ts'
import { ANNOTATION_PREFIX } from '../../core/contract.ts'
import type { PatternBudget } from '../../core/pattern-budget.ts'
import { patternBudget } from '../model/pattern.ts'
import type { Backend, Match, Rule } from '../model/route.ts'
import type { ServicePort } from '../model/mesh.ts'
import { carriesHttp } from '../model/protocol.ts'
import type { BackendRef, RouteMatch, RouteObject, RouteRule } from '../registry/kinds/route.ts'
import type { SessionPersistence } from '../registry/kinds/session-persistence.ts'
import { translateFilters, type RuleProblem } from './filters.ts'
import { translateMatch } from './matches.ts'
import { sessionProblem, translateSession } from './session.ts'
import type { Ranked } from './precedence.ts'

export interface RefProblem {
  readonly reason: 'InvalidKind' | 'BackendNotFound' | 'UnsupportedProtocol'
  readonly message: string
  /** `spec.rules[0].backendRefs[1].port` */
  readonly field: string
  /** `namespace/name`, of references to Services. */
  readonly service: string | undefined
}

export interface TranslatedRoute {
  readonly route: RouteObject
  readonly entries: readonly Ranked[]
  /** Rules that were left out, with the reason. */
  readonly dropped: readonly (RuleProblem & { readonly rule: number })[]
  readonly refProblems: readonly RefProblem[]
}

/** What policies of Services say of sessions, by `namespace/name`. */
export type ServiceSessions = ReadonlyMap<string, SessionPersistence>

/** Ports of a Service by `namespace/name`; undefined: no such Service, or one the mesh can't send to. */
export type PortLookup = (service: string) => readonly ServicePort[] | undefined

export const RETRY_ANNOTATION = 'weft.dev/retry-non-idempotent'
/** Tries beyond the first where a rule asks for retries and says no number. */
export const DEFAULT_RETRIES = 2
const DEFAULT_RETRY_STATUSES = [502, 503, 504]
const ANYTHING: RouteMatch = { path: undefined, method: undefined, grpc: undefined, headers: [], query: [] }

export function translateRoute(
  route: RouteObject,
  ports: PortLookup,
  sessions: ServiceSessions,
): TranslatedRoute {
  const entries: Ranked[] = []
  const dropped: (RuleProblem & { rule: number })[] = []
  const refProblems: RefProblem[] = []
  const budget = patternBudget()
  for (const [rule, source] of route.rules.entries()) {
    const problem = translateRule(route, source, rule, { ports, sessions }, budget, entries, refProblems)
    if (problem) dropped.push({ ...problem, rule })
  }
  return { route, entries, dropped, refProblems }
}

function translateRule(
  route: RouteObject,
  source: RouteRule,
  ruleIndex: number,
  { ports, sessions }: { readonly ports: PortLookup; readonly sessions: ServiceSessions },
  budget: PatternBudget,
  entries: Ranked[],
  refProblems: RefProblem[],
): RuleProblem | undefined {
  const annotation = route.meta.annotations[RETRY_ANNOTATION]
  if (annotation !== undefined && annotation !== 'true' && annotation !== 'false') {
    return unsupported(
      `annotation ${RETRY_ANNOTATION} must be "true" or "false", got ${JSON.stringify(annotation)}`,
    )
  }
  const matches = source.matches.length > 0 ? source.matches : [ANYTHING]
  const place = { kind: route.kind, on: 'rule' } as const
  const filters = translateFilters(source.filters, matches, place)
  if ('reason' in filters) return filters
  if (filters.redirect && source.backendRefs.length > 0) {
    return { reason: 'IncompatibleFilters', message: 'RequestRedirect and backendRefs exclude each other' }
  }
  const translated: Match[] = []
  for (const match of matches) {
    const result = translateMatch(route.kind, match, budget)
    if ('problem' in result) return unsupported(result.problem)
    translated.push(result)
  }
  const backends: Backend[] = []
  for (const [index, ref] of source.backendRefs.entries()) {
    const own = translateFilters(ref.filters, matches, { kind: route.kind, on: 'backend' })
    if ('reason' in own) return own
    const portKey = resolveBackend(ref, `spec.rules[${ruleIndex}].backendRefs[${index}]`, ports, refProblems)
    const { requestHeaders, responseHeaders } = own
    backends.push({ portKey, weight: ref.weight, requestHeaders, responseHeaders })
  }
  const mirrors = filters.mirrors.flatMap(({ backend, percent }) => {
    const portKey = resolveBackend(backend, mirrorField(source, ruleIndex, backend), ports, refProblems)
    return portKey === undefined || percent === 0 ? [] : [{ portKey, percent }]
  })
  const { meta } = route
  const problem = source.sessionPersistence && sessionProblem(source.sessionPersistence)
  if (problem) return unsupported(problem)
  // All backends of a rule keep sessions alike: as it says, or as the first of them does that says something.
  const inherited = source.backendRefs.flatMap(
    ({ namespace, name }) => sessions.get(`${namespace}/${name}`) ?? [],
  )[0]
  const persistence = source.sessionPersistence ?? inherited
  const scope = sessionScope(route, source, ruleIndex)
  const session = persistence && translateSession(persistence, scope, persistence !== inherited)
  const accessLog = routeLogTexts(meta.annotations, ANNOTATION_PREFIX)
  const rule: Rule = {
    name: `${route.kind}/${meta.namespace}/${meta.name}/${ruleIndex}`,
    requestHeaders: filters.requestHeaders,
    responseHeaders: filters.responseHeaders,
    ...(filters.cors ? { cors: filters.cors } : {}),
    ...(accessLog ? { accessLog } : {}),
    action: filters.redirect ?? {
      kind: 'forward',
      backends,
      mirrors,
      rewrite: filters.rewrite,
      requestTimeoutMs: source.requestTimeoutMs ?? 0,
      tryTimeoutMs: source.backendTimeoutMs ?? 0,
      retry: source.retry && {
        retries: source.retry.attempts ?? DEFAULT_RETRIES,
        statuses: source.retry.codes.length > 0 ? source.retry.codes : DEFAULT_RETRY_STATUSES,
        backoffMs: source.retry.backoffMs,
      },
      retryNonIdempotent: annotation === 'true',
      ...(session ? { session } : {}),
    },
  }
  for (const [matchIndex, match] of translated.entries()) {
    const from = matches[matchIndex] ?? ANYTHING
    entries.push({ entry: { match, rule }, source: from, route, ruleIndex, matchIndex })
  }
  return undefined
}

/** A rule's name stays where its place does not. */
function sessionScope({ kind, meta }: RouteObject, { name }: RouteRule, index: number): string {
  return `${kind}/${meta.namespace}/${meta.name}/${name === '' ? index : name}`
}

function unsupported(message: string): RuleProblem {
  return { reason: 'UnsupportedValue', message }
}

function mirrorField(source: RouteRule, rule: number, backend: BackendRef): string {
  const index = source.filters.findIndex((one) => one.type === 'RequestMirror' && one.backend === backend)
  return `spec.rules[${rule}].filters[${index}].requestMirror.backendRef`
}

/** Completes "port 80 of Service shop/db is declared as tcp, which"; undefined: what is routed may go there. */
type PortRefusal = (port: ServicePort) => string | undefined

const noHttpRoutes: PortRefusal = ({ declared, protocol }) =>
  declared && !carriesHttp(protocol) ? 'carries no HTTP routes' : undefined

/** `namespace/service/port`, or undefined with the reason added; `field` is the reference's place. */
export function resolveBackend(
  ref: BackendRef,
  field: string,
  lookup: PortLookup,
  problems: RefProblem[],
  refusalOf: PortRefusal = noHttpRoutes,
): string | undefined {
  const name = `${ref.namespace}/${ref.name}`
  const problem = (reason: RefProblem['reason'], at: string, message: string): undefined => {
    problems.push({
      reason,
      message,
      field: `${field}.${at}`,
      service: reason === 'InvalidKind' ? undefined : name,
    })
  }
  if (ref.kind !== 'Service' || (ref.group !== '' && ref.group !== 'core')) {
    const kind = ref.group === '' ? ref.kind : `${ref.group}/${ref.kind}`
    return problem('InvalidKind', 'kind', `backend ${ref.name}: kind ${kind} is not supported`)
  }
  const ports = lookup(name)
  if (!ports) return problem('BackendNotFound', 'name', `Service ${name} is not there`)
  const port = ports.find((one) => one.port === ref.port)
  if (!port) return problem('BackendNotFound', 'port', `Service ${name} has no TCP port ${ref.port ?? ''}`)
  const refusal = refusalOf(port)
  if (refusal !== undefined) {
    const message = `port ${port.port} of Service ${name} is declared as ${port.protocol}, which ${refusal}`
    return problem('UnsupportedProtocol', 'port', message)
  }
  return port.key
}
