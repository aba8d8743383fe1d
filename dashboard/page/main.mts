import {
  get,
  type Canary,
  type Denial,
  type MeshFacts,
  type Problem,
  type Route,
  type Service,
  type Trace,
  type TraceSummary,
} from './api.mts'
import { canariesPanel } from './canaries.mts'
import { denialsPanel } from './denials.mts'
import { h, patch, type Node } from './dom.mts'
import { header, problemsPanel } from './health.mts'
import { routesPanel } from './routes.mts'
import { servicesPanel } from './services.mts'
import { tracesPanel, type TraceFilter } from './traces.mts'
import { missingTracePanel, tracePanel } from './waterfall.mts'

const REFRESH_MS = 2000
const TRACES = 40

interface Answers {
  readonly mesh: MeshFacts | undefined
  readonly services: { readonly windowSeconds: number; readonly services: readonly Service[] } | undefined
  readonly routes: { readonly windowSeconds: number; readonly routes: readonly Route[] } | undefined
  readonly traces: { readonly traces: readonly TraceSummary[] } | undefined
  readonly problems: readonly Problem[]
  readonly canaries: readonly Canary[]
  readonly denials: { readonly windowSeconds: number; readonly denials: readonly Denial[] } | undefined
}

let answers: Answers | undefined
let filter: TraceFilter = { service: '', failedOnly: false }
let paused = false
let answeredAt = Date.now()
let failing = false
/** Of the address `#/trace/<id>`. */
let traceId = ''
let trace: Trace | undefined
let traceAsked = false
let open = new Set<string>()
let timer = 0

function render(): void {
  const staleSeconds = failing ? (Date.now() - answeredAt) / 1000 : undefined
  const top = document.querySelector('#top')
  const main = document.querySelector('#main')
  if (!top || !main) return
  patch(top, header({ mesh: answers?.mesh, staleSeconds, paused, onPause }))
  const content = traceId === '' ? meshView() : traceView()
  patch(main, h('main', {}, problemsPanel(answers?.problems ?? [], staleSeconds), content).children)
}

function meshView(): Node[] {
  if (!answers?.services || !answers.routes || !answers.traces)
    return [
      h('p', { class: 'empty' }, failing ? 'Waiting for the control plane…' : 'Asking the control plane…'),
    ]
  const { services, windowSeconds } = answers.services
  const names = services.map(({ name, namespace }) => `${name}.${namespace}`)
  const canaries = canariesPanel(answers.canaries)
  const { denials = [], windowSeconds: counted = 0 } = answers.denials ?? {}
  const refused = denialsPanel(denials, counted)
  return [
    ...(refused ? [h('div', { key: 'denials' }, refused)] : []),
    ...(canaries ? [h('div', { key: 'canaries' }, canaries)] : []),
    h('div', { key: 'services' }, servicesPanel(services, windowSeconds)),
    h('div', { key: 'routes' }, routesPanel(answers.routes.routes, answers.routes.windowSeconds)),
    h(
      'div',
      { key: 'traces' },
      tracesPanel({ traces: answers.traces.traces, filter, services: names, onFilter }),
    ),
  ]
}

function traceView(): Node {
  if (trace) return h('div', { key: `trace ${traceId}` }, tracePanel(trace, open, onToggle))
  if (traceAsked) return h('div', { key: 'missing' }, missingTracePanel(traceId))
  return h('p', { class: 'empty', key: 'asking' }, 'Asking for the trace…')
}

function onPause(): void {
  paused = !paused
  if (paused) render()
  else void refresh()
}

function onFilter(next: TraceFilter): void {
  filter = next
  void refresh()
}

function onToggle(key: string): void {
  open = new Set(open)
  if (!open.delete(key)) open.add(key)
  render()
}

function onAddress(): void {
  const [, id = ''] = /^#\/trace\/([0-9a-f]{1,64})$/.exec(location.hash) ?? []
  if (id === traceId) return
  traceId = id
  trace = undefined
  traceAsked = false
  open = new Set()
  render()
  scrollTo(0, 0)
  void refresh()
}

let round = 0

/** Asks for what is shown, once, and again in two seconds. An answer that a later question overtook is dropped. */
async function refresh(): Promise<void> {
  const own = ++round
  clearTimeout(timer)
  try {
    const wanted = traceId
    const query = new URLSearchParams({
      limit: String(TRACES),
      service: filter.service,
      failed: String(filter.failedOnly),
    })
    const [mesh, services, routes, traces, wrong, canaries, denials, found] = await Promise.all([
      get<MeshFacts>('/api/mesh'),
      get<NonNullable<Answers['services']>>('/api/services'),
      get<NonNullable<Answers['routes']>>('/api/routes'),
      get<NonNullable<Answers['traces']>>(`/api/traces?${query}`),
      get<{ problems: readonly Problem[] }>('/api/problems'),
      get<{ canaries: readonly Canary[] }>('/api/canaries'),
      get<NonNullable<Answers['denials']>>('/api/authorization/denials'),
      wanted === '' ? undefined : get<Trace>(`/api/traces/${wanted}`),
    ])
    if (own !== round) return
    answers = {
      mesh,
      services,
      routes,
      traces,
      problems: wrong?.problems ?? [],
      canaries: canaries?.canaries ?? [],
      denials,
    }
    if (wanted !== '') {
      trace = found
      traceAsked = true
    }
    answeredAt = Date.now()
    failing = false
  } catch {
    if (own !== round) return
    failing = true
  }
  render()
  if (!paused && !document.hidden) timer = setTimeout(() => void refresh(), REFRESH_MS)
}

addEventListener('hashchange', onAddress)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !paused) void refresh()
})
onAddress()
void refresh()
