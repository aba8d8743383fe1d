import type { Explanation, HopExplanation, TraceExplanation } from '../../core/api/explanation.ts'
import type { SpanView } from '../../core/api/traces.ts'
import { describeError } from '../../core/errors.ts'
import type { ProxyQuestion } from '../../core/explain/proxy-question.ts'
import { ALPN_LINK } from '../../core/contract.ts'
import { proxyExplanation, type Explaining } from './explain-question.ts'
import { placeOf } from './places.ts'

export interface TraceSpans {
  readonly spans: readonly SpanView[]
}

/** Hops that are asked about; of a longer trace the rest is told without. */
const MOST_ASKED = 32
const AT_ONCE = 8

/** Hop by hop what was decided, as spans recorded it, and what the same sidecars decide of such a request now. */
export async function explainTrace(
  traceId: string,
  { spans }: TraceSpans,
  explaining: Explaining,
): Promise<TraceExplanation> {
  const own = spans
    .filter((span) => hopOf(span) && text(span, 'weft.try') === '')
    .toSorted((a, b) => a.startMs - b.startMs)
  const parents = new Map(spans.map((span) => [span.spanId, span]))
  const hops: HopExplanation[] = []
  const left = own.entries()
  const work = async (): Promise<void> => {
    for (const [at, span] of left)
      hops[at] = await hopExplanation(span, parents.get(span.parentSpanId), at < MOST_ASKED, explaining)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return { traceId, whole: isWhole(spans), hops }
}

/** All parents are there, but for that of the first, who may be outside. */
function isWhole(spans: readonly SpanView[]): boolean {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const missing = new Set(
    spans.map(({ parentSpanId }) => parentSpanId).filter((id) => id !== '' && !ids.has(id)),
  )
  return missing.size === 0 || (missing.size === 1 && spans.every(({ parentSpanId }) => parentSpanId !== ''))
}

function hopOf({ kind }: SpanView): 'outbound' | 'inbound' | undefined {
  return kind === 'client' ? 'outbound' : kind === 'server' ? 'inbound' : undefined
}

async function hopExplanation(
  span: SpanView,
  parent: SpanView | undefined,
  asks: boolean,
  explaining: Explaining,
): Promise<HopExplanation> {
  const { namespace, pod, spanId } = span
  const direction = hopOf(span) ?? 'outbound'
  const hop = { spanId, pod, namespace, direction, decided: decidedText(span) }
  const untold = (reason: string): HopExplanation => ({ ...hop, now: null, reason, differs: [] })
  if (!asks) return untold(`only the first ${MOST_ASKED} hops of a trace are asked about`)
  const question = questionOf(span, parent, direction, explaining)
  if (typeof question === 'string') return untold(question)
  try {
    const { explanation } = proxyExplanation(await explaining.ask(`${namespace}/${pod}`, 'explain', question))
    return {
      ...hop,
      now: explanation,
      reason:
        'header fields and the query are not recorded: rules that ask for them are taken as if the request had none',
      differs: differences(span, explanation),
    }
  } catch (error) {
    return untold(describeError(error))
  }
}

/** The same connection and request again, as far as it was recorded; or why it can't be told. */
function questionOf(
  span: SpanView,
  parent: SpanView | undefined,
  direction: 'outbound' | 'inbound',
  { mesh }: Explaining,
): ProxyQuestion | string {
  const host = text(span, 'server.address')
  const named = number(span, 'server.port')
  const place = placeOf(mesh(), host, named || 80, span.namespace)
  // Where nothing else is recorded, the caller's side knows where it went.
  const caller = direction === 'inbound' && parent?.kind === 'client' ? endpointOf(parent) : undefined
  const asked = direction === 'outbound' ? place && { address: place.address, port: named || 80 } : caller
  const address = text(span, 'network.local.address') || asked?.address
  const port = number(span, 'network.local.port') || (asked?.port ?? 0)
  if (!address || port === 0) return 'where the connection was going is not recorded'
  const method = text(span, 'http.request.method')
  const path = text(span, 'url.path')
  if (method === '' || method === '_OTHER') return 'the method of the request is not recorded'
  const identity = text(span, 'weft.source_identity')
  const inbound = direction === 'inbound'
  const grpc = text(span, 'rpc.system.name') === 'grpc' || text(span, 'rpc.system') === 'grpc'
  const http2 = grpc || text(span, 'network.protocol.version').startsWith('2')
  const link = inbound && identity !== ''
  return {
    direction,
    address,
    port,
    carries: link ? 'tls' : http2 ? 'h2c' : 'http1',
    serverName: '',
    alpn: link ? [ALPN_LINK] : [],
    passedName: '',
    identity: inbound ? identity : '',
    source: inbound ? text(span, 'client.address') : '',
    request: {
      scheme: text(span, 'url.scheme') === 'https' ? 'https' : 'http',
      http2,
      method,
      authority: named === 0 ? host : `${host.includes(':') ? `[${host}]` : host}:${named}`,
      path,
      fields: grpc ? ['content-type', 'application/grpc'] : [],
    },
  }
}

/** One sentence for each thing that its span says was decided. */
function decidedText(span: SpanView): readonly string[] {
  const status = number(span, 'http.response.status_code')
  const tries = number(span, 'http.request.resend_count') + 1
  const endpoint = text(span, 'weft.endpoint') || peerText(span)
  const workload = text(span, 'weft.upstream_workload')
  const peer = text(span, 'weft.destination_identity')
  const flags = text(span, 'weft.response_flags')
  const version = text(span, 'weft.config_version')
  const policy = text(span, 'weft.policy.decision')
  const all: readonly (readonly [string, string])[] = [
    [routeOf(span), `the rule ${routeOf(span)} matched`],
    [backendOf(span), `it went to ${backendOf(span)}`],
    [endpoint, `the endpoint was ${endpoint}${workload === '' ? '' : ` (${workload})`}`],
    [span.kind === 'client' ? peer : '', `${peer} answered by mutual TLS`],
    [tries > 1 ? 'retried' : '', `it was tried ${tries} times`],
    [policy, `policy: ${policy} by ${text(span, 'weft.policy')}`],
    [flags === '-' ? '' : flags, `response flags ${flags}, ${text(span, 'weft.details')}`],
    [status === 0 ? '' : 'answered', `the answer was ${status} after ${Math.round(span.durationMs)} ms`],
    [version, `by configuration version ${version}`],
  ]
  return all.flatMap(([there, sentence]) => (there === '' ? [] : [sentence]))
}

function differences(span: SpanView, now: Explanation): readonly string[] {
  const found: string[] = []
  const route = routeOf(span)
  if (route !== now.route)
    found.push(
      `the rule ${now.route === '' ? 'would be none' : `would be ${now.route}`}, it was ${route === '' ? 'none' : route}`,
    )
  const backend = backendOf(span)
  const odds = now.backends
    .filter(({ cluster }) => cluster === backend)
    .reduce((sum, one) => sum + one.odds, 0)
  if (backend !== '' && odds === 0) found.push(`${backend} would get no such request`)
  const decision = text(span, 'weft.policy.decision')
  const denied = decision === 'denied'
  if (now.policy && decision !== '' && (now.policy.decision === 'denied') !== denied)
    found.push(denied ? 'policies would let it in' : `policies would refuse it: ${now.policy.reason}`)
  const answered = ['answered', 'refused', 'redirected'].includes(now.outcome)
  if (answered && backend !== '' && !denied)
    found.push(
      `it would not be sent on: ${now.details || now.outcome}${now.status > 0 ? `, ${now.status}` : ''}`,
    )
  return found
}

function routeOf(span: SpanView): string {
  return text(span, 'weft.route') || text(span, 'http.route')
}

function backendOf(span: SpanView): string {
  return text(span, 'weft.backend') || text(span, 'weft.cluster')
}

function peerText(span: SpanView): string {
  const peer = span.kind === 'client' ? endpointOf(span) : undefined
  return peer ? `${peer.address}:${peer.port}` : ''
}

/** The endpoint that answered a client span. */
function endpointOf(span: SpanView): { readonly address: string; readonly port: number } | undefined {
  const [, host, digits] = /^\[?([0-9A-Fa-f.:]+?)\]?:(\d{1,5})$/.exec(text(span, 'weft.endpoint')) ?? []
  const address = host ?? text(span, 'network.peer.address')
  const port = digits === undefined ? number(span, 'network.peer.port') : Number(digits)
  return address === '' || port === 0 ? undefined : { address, port }
}

function text({ attributes }: SpanView, name: string): string {
  const value = attributes[name]
  return typeof value === 'string' ? value : ''
}

function number({ attributes }: SpanView, name: string): number {
  const value = attributes[name]
  return typeof value === 'number' ? value : 0
}
