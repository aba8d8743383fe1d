import type { ProxyExplanation, ProxyRequest } from '../../core/explain/proxy-question.ts'
import type { ConnectionManager } from '../exchange/connection-manager.ts'
import { isTarget } from '../exchange/exchange.ts'
import { composeReply } from '../exchange/reply.ts'
import { noAuthorization, type AuthorizationRecord } from '../exchange/telemetry-sink.ts'
import { field, removeField, type RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { Route } from '../model/route.ts'
import { findRoute, findVirtualHost } from '../route/match.ts'
import { redirectLocation } from '../route/rewrite.ts'
import type { Answer, Foreseen, RequestStep } from '../steps/step.ts'
import { answered } from './answered.ts'
import type { Draft } from '../../core/explain/draft.ts'
import { explainForward } from './forward.ts'
import type { LiveProxy } from './live-proxy.ts'
import { policyOf } from './policy.ts'
import { settledValue } from './settled.ts'
import { matchText, unmetText } from './words.ts'

const MOST_RULES = 500

/** A request at its proxy, in the order of `Exchange`: its path, its route, the steps, and then what the route says. */
export async function explainRequest(
  request: ProxyRequest,
  hop: Hop,
  manager: ConnectionManager,
  live: LiveProxy,
  draft: Draft,
): Promise<ProxyExplanation['next']> {
  const head = headOf(request)
  if (live.exchange.overloaded())
    return answered(draft, head, 0, { status: 503, details: 'overload', text: 'the proxy is overloaded' })
  if (hop.http2 && !isTarget(head.path))
    return answered(draft, head, 0, {
      status: 400,
      details: 'path_not_ascii',
      text: 'the path holds "#" or a byte that is not ASCII',
    })
  const record = noAuthorization()
  const asked = { hop, record, draft, of: manager.settings.filters.map(({ name }) => name) }
  const early = await firstAnswer(manager.steps.early, head, undefined, { ...asked, of: [] })
  if (early) return answered(draft, head, early.flags, early.reply)
  if (head.path !== request.path && request.method !== 'CONNECT')
    draft.notes.push(`the path is put in order first: ${head.path}`)
  const route = await chosenRoute(manager, head, live, draft)
  const answer = await firstAnswer(manager.steps.steps, head, route, asked)
  if (hop.direction === 'inbound' || record.decision !== '')
    draft.policy = policyOf(record, saidOf(draft, record))
  if (answer) return answered(draft, head, answer.flags, answer.reply)
  if (!route) {
    const known = Boolean(manager.routes.value)
    return answered(draft, head, ResponseFlag.NR, {
      status: known ? 404 : 503,
      details: known ? 'route_not_found' : 'route_configuration_not_found',
      text: known ? 'no route matches this request' : 'no routes are known for this destination',
    })
  }
  const { action } = route
  switch (action.kind) {
    case 'redirect':
      draft.outcome = 'redirected'
      draft.status = action.status
      draft.details = 'direct_response'
      draft.location = redirectLocation(head, route.match, action)
      return null
    case 'direct':
      return answered(draft, head, 0, {
        status: action.status,
        details: 'direct_response',
        text: 'the route has an answer of its own',
      })
    case 'forward':
      return explainForward({ head, http2: request.http2, hop, manager, route, action }, live, draft)
  }
}

/** As the codecs give it. */
function headOf({ authority, fields, http2, method, path, scheme }: ProxyRequest): RequestHead {
  const own = [...fields]
  const upgrade = http2 ? '' : (field(own, 'upgrade') ?? '').toLowerCase()
  for (const name of ['host', 'connection', 'upgrade']) removeField(own, name)
  return { method, scheme, authority, path: method === 'CONNECT' ? '' : path, fields: own, upgrade }
}

async function chosenRoute(
  manager: ConnectionManager,
  head: RequestHead,
  live: LiveProxy,
  draft: Draft,
): Promise<Route | undefined> {
  const config = await settledValue(manager.routes, live)
  if (!config) return undefined
  draft.virtualHost = findVirtualHost(config.virtualHosts, head.authority)?.name ?? ''
  let more = 0
  const route = findRoute(config, head, (other, unmet) => {
    if (draft.rules.length < MOST_RULES)
      draft.rules.push({ name: other.name, matches: false, reason: unmetText(other, unmet, head) })
    else more++
  })
  if (more > 0) draft.notes.push(`${more} more rules that do not match are not listed`)
  if (route) {
    draft.rules.push({ name: route.name, matches: true, reason: matchText(route) })
    draft.route = route.name
  } else if (draft.virtualHost === '')
    draft.notes.push(`no virtual host of ${config.name} is for the authority "${head.authority}"`)
  return route
}

interface Asked {
  readonly hop: Hop
  readonly record: AuthorizationRecord
  readonly draft: Draft
  /** Names of the filters, in the order of their steps. */
  readonly of: readonly string[]
}

/** Asks steps until one is sure to answer. What it may answer, and what it has to say, goes into the draft. */
async function firstAnswer(
  steps: readonly RequestStep[],
  head: RequestHead,
  route: Route | undefined,
  { hop, record, draft, of }: Asked,
): Promise<Answer | undefined> {
  for (const [i, step] of steps.entries()) {
    const { answer, delayMs = 0, delayOdds = 0, odds, said } = await foreseen(step, head, route, hop, record)
    const status = answer && odds > 0 ? composeReply(head, answer.reply).head.status : 0
    if (said !== '' || status !== 0)
      draft.steps.push({
        name: of[i] ?? '',
        said: said || (answer?.reply.text ?? ''),
        status,
        odds,
        delayMs,
        delayOdds,
      })
    if (answer && odds >= 1) return answer
  }
  return undefined
}

async function foreseen(
  step: RequestStep,
  head: RequestHead,
  route: Route | undefined,
  hop: Hop,
  record: AuthorizationRecord,
): Promise<Foreseen> {
  if (step.foresee) return step.foresee(hop, head, route, record)
  const verdict = step.decide(hop, head, route, record)
  const answer =
    verdict?.kind === 'wait'
      ? await new Promise<Answer | undefined>((resume) => void verdict.begin({ resume }))
      : verdict
  return { answer, odds: answer ? 1 : 0, said: '' }
}

function saidOf({ steps }: Draft, { policy }: AuthorizationRecord): string {
  const own = steps.filter(({ said }) => policy !== '' && said.includes('rule'))
  return own.map(({ said }) => said).join('; ') || 'no rule holds for this port'
}
