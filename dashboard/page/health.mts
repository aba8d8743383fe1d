import type { MeshFacts, Problem } from './api.mts'
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

function pills({ proxies, problems, version, release, services }: MeshFacts): Node[] {
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
      problems.errors > 0 ? 'bad' : problems.warnings > 0 ? 'poor' : 'good',
      'Problems',
      String(problems.errors + problems.warnings),
      `${plural(problems.errors, 'error')} and ${plural(problems.warnings, 'warning')} in what the mesh was told`,
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
export function problemsPanel(list: readonly Problem[], staleSeconds: number | undefined): Child[] {
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
        h('ul', {}, list.map(problemLine)),
      ),
  ]
}

function problemLine(problem: Problem): Node {
  const { file, line, column, kind, namespace, name, field, severity, message, remedy, effect } = problem
  const place = [file, line, column].filter((part) => part !== null).join(':')
  const object = [kind, [namespace, name].filter((part) => part !== '').join('/')].join(' ').trim()
  return h(
    'li',
    { class: severity },
    h('b', { class: 'severity' }, severity),
    ' ',
    object !== '' && h('b', {}, object),
    field !== '' && ' ',
    field !== '' && h('code', {}, field),
    ` ${message} `,
    h('span', { class: 'remedy' }, remedy),
    effect !== undefined && h('span', { class: 'effect hint' }, effect),
    place !== '' && h('span', { class: 'place dim' }, place),
  )
}
