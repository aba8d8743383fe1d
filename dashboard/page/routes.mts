import type { Route } from './api.mts'
import { h, type Node } from './dom.mts'
import { milliseconds, percent, rate, success } from './format.mts'
import { successClass } from './services.mts'

export function routesPanel(routes: readonly Route[], windowSeconds: number): Node {
  return h(
    'section',
    { class: 'panel', 'aria-labelledby': 'routes-title' },
    h(
      'div',
      { class: 'panel-head' },
      h('h2', { id: 'routes-title' }, 'Routes'),
      h('span', { class: 'legend' }, h('i', { class: 'swatch configured' }), 'configured'),
      h(
        'span',
        { class: 'legend' },
        h('i', { class: 'swatch observed' }),
        `seen in the last ${windowSeconds} s`,
      ),
    ),
    routes.length === 0
      ? h(
          'p',
          { class: 'empty' },
          'No route has a Service as its parent: every Service is reached as it is.',
        )
      : h('div', { class: 'routes' }, routes.map(routeCard)),
  )
}

function routeCard(route: Route): Node {
  const [kind = '', namespace = '', name = '', rule = ''] = route.name.split('/')
  return h(
    'article',
    { class: 'route', key: `${route.parent} ${route.consumer} ${route.name}` },
    h(
      'h3',
      {},
      h('span', { class: 'name' }, name),
      h('span', { class: 'dim' }, `.${namespace}`),
      h('span', { class: 'tag' }, `${kind} rule ${rule}`),
      route.consumer !== '' && h('span', { class: 'tag' }, `for ${route.consumer} only`),
      h('span', { class: 'route-rate' }, `${rate(route.rate)}/s`),
    ),
    h(
      'p',
      { class: 'match' },
      `${route.parent} `,
      route.matches.map((match) => h('code', {}, match)),
    ),
    route.action === 'redirect'
      ? h('p', { class: 'dim' }, 'Answers with a redirect.')
      : route.backends.map((backend, i) => backendRow(backend, i)),
  )
}

function backendRow(backend: Route['backends'][number], index: number): Node {
  const [, service = '', port = ''] = backend.cluster.split('/')
  const seen = backend.observedPercent
  const seenText = seen === null ? 'no requests' : percent(Math.round(seen * 10) / 10)
  return h(
    'div',
    { class: 'backend', key: `${backend.cluster} ${index}` },
    h(
      'span',
      { class: 'backend-name' },
      backend.cluster === '' ? h('span', { class: 'bad' }, 'invalid reference') : service,
      port !== '' && h('span', { class: 'dim' }, `:${port}`),
    ),
    h(
      'span',
      {
        class: 'bars',
        role: 'img',
        'aria-label': `configured ${percent(backend.percent)}, seen ${seenText}`,
      },
      h('i', { class: 'bar configured', vars: { '--share': `${backend.percent}%` } }),
      h('i', { class: 'bar observed', vars: { '--share': `${seen ?? 0}%` } }),
    ),
    h(
      'span',
      { class: 'split number' },
      h('b', {}, seenText),
      h('span', { class: 'dim' }, ` of ${shortPercent(backend.percent)}`),
    ),
    h('span', { class: `number ${successClass(backend.successRate)}` }, success(backend.successRate)),
    h('span', { class: 'number dim', title: 'p95' }, milliseconds(backend.p95Ms)),
  )
}

function shortPercent(share: number): string {
  return percent(Math.round(share * 10) / 10)
}
