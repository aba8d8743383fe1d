import type { Service } from './api.mts'
import { h, type Node } from './dom.mts'
import { milliseconds, plural, rate, success } from './format.mts'

const GOOD = 0.999
const POOR = 0.99

export function servicesPanel(services: readonly Service[], windowSeconds: number): Node {
  const heads = [
    'Service',
    'Requests/s',
    'Success',
    'Mutual TLS',
    'p50',
    'p95',
    'p99',
    'Last 2 minutes',
    'Endpoints',
    'Called by',
  ]
  return h(
    'section',
    { class: 'panel', 'aria-labelledby': 'services-title' },
    h(
      'div',
      { class: 'panel-head' },
      h('h2', { id: 'services-title' }, 'Services'),
      h('span', { class: 'hint' }, `over the last ${windowSeconds} s`),
    ),
    services.length === 0
      ? h(
          'p',
          { class: 'empty' },
          'No Service is known yet. Label a namespace weft.dev/inject: enabled and deploy into it.',
        )
      : h(
          'div',
          { class: 'scroll' },
          h(
            'table',
            { class: 'services' },
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                heads.map((text) => h('th', { scope: 'col', class: columnClass(text) }, text)),
              ),
            ),
            h(
              'tbody',
              {},
              services.map((service) => serviceRow(service, windowSeconds)),
            ),
          ),
        ),
  )
}

function serviceRow(service: Service, windowSeconds: number): Node {
  const { name, namespace, seenBy, successRate } = service
  const quiet = service.rate === 0
  return h(
    'tr',
    { key: `${namespace}/${name}`, class: quiet ? 'quiet' : '' },
    h(
      'th',
      { scope: 'row' },
      h('span', { class: 'name' }, name),
      h('span', { class: 'dim' }, `.${namespace}`),
      seenBy === 'callers' &&
        h(
          'span',
          { class: 'tag', title: 'No sidecar of its own reports: figures are those of its callers.' },
          'by callers',
        ),
    ),
    h('td', { class: 'number' }, rate(service.rate)),
    h('td', { class: `number ${successClass(successRate)}` }, success(successRate)),
    h('td', { class: 'number' }, mutualTls(service, windowSeconds)),
    h('td', { class: 'number' }, milliseconds(service.p50Ms)),
    h('td', { class: 'number' }, milliseconds(service.p95Ms)),
    h('td', { class: 'number' }, milliseconds(service.p99Ms)),
    h('td', { class: 'spark' }, sparkline(service.history)),
    h('td', { class: 'number' }, endpoints(service)),
    h('td', { class: 'callers' }, callers(service)),
  )
}

export function successClass(share: number | null): string {
  if (share === null) return 'none'
  return share >= GOOD ? 'good' : share >= POOR ? 'poor' : 'bad'
}

function columnClass(text: string): string {
  if (text === 'Last 2 minutes') return 'spark'
  return text === 'Service' || text === 'Called by' ? '' : 'number'
}

/** All of its ports have the same pods more often than not: the fullest says it. */
function fullest({ ports }: Service): Service['ports'][number] | undefined {
  return [...ports].sort((a, b) => b.endpoints - a.endpoints)[0]
}

function endpoints(service: Service): Node {
  const port = fullest(service)
  if (!port || port.endpoints === 0) return h('span', { class: 'dim' }, '0')
  return h(
    'span',
    { title: `${port.healthy} of ${port.endpoints} healthy, ${port.meshed} with a sidecar` },
    port.healthy === port.endpoints ? String(port.endpoints) : `${port.healthy}/${port.endpoints}`,
  )
}

/** What was seen of requests, and not what sidecars could do: the lock is closed only where every one was seen to have it. */
function mutualTls(service: Service, windowSeconds: number): Node {
  const { mutualTls: sealed, plaintext, observed } = service.mtls
  if (observed === 'no-requests') return h('span', { class: 'dim', title: 'no request was seen' }, '–')
  const port = fullest(service)
  const bare = port ? port.endpoints - port.meshed : 0
  const title = [
    `seen in the last ${windowSeconds} s: ${plural(sealed, 'request')} over mutual TLS, ${plaintext.toLocaleString('en')} in plaintext`,
    ...(bare > 0
      ? [`${plural(bare, 'endpoint')} without a sidecar, of which only what sidecars send there is seen`]
      : []),
  ].join('; ')
  return h(
    'span',
    { title },
    success(sealed / (sealed + plaintext)),
    h('span', {
      class: observed === 'all' ? 'lock' : `lock open ${observed}`,
      role: 'img',
      'aria-label': { all: 'all requests seen', some: 'not all requests seen', none: 'no request' }[observed],
    }),
  )
}

function callers({ callers }: Service): Node[] {
  const shown = callers.filter((caller) => caller.rate > 0).slice(0, 3)
  return shown.map(({ source, rate: perSecond }) =>
    h(
      'span',
      source === ''
        ? { class: 'chip outside', title: 'in plaintext: the callers gave no identity of the mesh' }
        : { class: 'chip' },
      source === '' ? 'no identity' : source.slice(0, source.lastIndexOf('.')),
      h('span', { class: 'dim' }, ` ${rate(perSecond)}`),
    ),
  )
}

const WIDTH = 120
const HEIGHT = 24

function sparkline(history: readonly number[]): Node | string {
  const most = Math.max(...history, 0)
  if (history.length < 2 || most === 0) return h('span', { class: 'dim' }, 'no requests')
  const x = (i: number): string => ((i / (history.length - 1)) * WIDTH).toFixed(1)
  const y = (value: number): string => (HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)
  const points = history.map((value, i) => `${x(i)},${y(value)}`).join(' ')
  return h(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': `at most ${rate(most)} requests a second, now ${rate(history.at(-1) ?? 0)}`,
    },
    h('path', { class: 'area', d: `M0,${HEIGHT} L${points.replaceAll(' ', ' L')} L${WIDTH},${HEIGHT} Z` }),
    h('polyline', { class: 'line', points }),
  )
}
