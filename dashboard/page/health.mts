import type { ConfigErrors, MeshFacts } from './api.mts'
import { h, type Child, type Node } from './dom.mts'
import { plural } from './format.mts'

export interface HeaderState {
  readonly mesh: MeshFacts | undefined
  /** Seconds since the last answer; undefined while answers come. */
  readonly staleSeconds: number | undefined
  readonly paused: boolean
  readonly onPause: () => void
}

export function header({ mesh, staleSeconds, paused, onPause }: HeaderState): Node[] {
  const live = staleSeconds === undefined && !paused
  return [
    h(
      'a',
      { class: 'brand', href: '#/' },
      h('img', { src: '/weft.svg', alt: '', width: 22, height: 22 }),
      'Weft',
    ),
    h('span', { class: 'domain dim' }, mesh?.trustDomain ?? ''),
    h('div', { class: 'pills' }, mesh ? pills(mesh) : []),
    h(
      'button',
      { type: 'button', class: live ? 'live on' : 'live', 'aria-pressed': String(paused), onclick: onPause },
      h('i', { class: 'dot' }),
      paused ? 'Paused' : live ? 'Live' : 'No answer',
    ),
  ]
}

function pills({ proxies, configErrors, version, release, services }: MeshFacts): Node[] {
  const all = proxies.connected >= proxies.expected && proxies.rejecting === 0
  return [
    pill(
      all ? 'good' : 'poor',
      'Proxies',
      `${proxies.connected}/${proxies.expected}`,
      'connected, of pods with a sidecar',
    ),
    ...(proxies.rejecting > 0
      ? [
          pill(
            'bad',
            'Refusing',
            String(proxies.rejecting),
            'proxies that refused their latest configuration',
          ),
        ]
      : []),
    pill(
      configErrors === 0 ? 'good' : 'bad',
      'Config errors',
      String(configErrors),
      'mistakes in manifests and routes',
    ),
    pill('', 'Services', String(services), 'known to the mesh'),
    pill('', 'Version', String(version), 'of the configuration'),
    pill('', 'Release', release, 'of the control plane'),
  ]
}

function pill(state: string, name: string, value: string, title: string): Node {
  return h(
    'span',
    { class: `pill ${state}`, title, key: name },
    h('span', { class: 'dim' }, name),
    h('b', {}, value),
  )
}

/** Nothing when all is well. */
export function problems(errors: ConfigErrors | undefined, staleSeconds: number | undefined): Child[] {
  const list = errors ? [...errors.sources.map(sourceLine), ...errors.routes.map(routeLine)] : []
  return [
    staleSeconds !== undefined &&
      h(
        'p',
        { class: 'banner', role: 'status', key: 'stale' },
        `The control plane does not answer. What you see is ${plural(Math.round(staleSeconds), 'second')} old. A sidecar that has no control plane goes on with what it was told last.`,
      ),
    list.length > 0 &&
      h(
        'section',
        { class: 'panel problems', key: 'problems', 'aria-labelledby': 'problems-title' },
        h('h2', { id: 'problems-title' }, plural(list.length, 'problem'), ' in the configuration'),
        h('ul', {}, list),
      ),
  ]
}

function sourceLine({ origin, line, field, message, effect }: ConfigErrors['sources'][number]): Node {
  return h(
    'li',
    {},
    h('code', {}, line === null ? origin : `${origin}:${line}`),
    field !== '' && h('b', {}, ` ${field} `),
    ` ${message}`,
    effectLine(effect),
  )
}

function routeLine({ route, parent, reason, message, effect }: ConfigErrors['routes'][number]): Node {
  return h(
    'li',
    {},
    h('code', {}, route),
    ` on ${parent}: `,
    h('b', {}, reason),
    ` ${message}`,
    effectLine(effect),
  )
}

function effectLine(effect: string): Node {
  return h('span', { class: 'effect hint' }, effect)
}
