import type { Canary, CanaryVersion } from './api.mts'
import { h, type Node } from './dom.mts'
import { clockTime, milliseconds, percent, plural, success } from './format.mts'

const TOLD = 5

/** A section for each Canary, or nothing where there is none. */
export function canariesPanel(canaries: readonly Canary[]): Node | false {
  if (canaries.length === 0) return false
  return h(
    'section',
    { class: 'panel canaries', 'aria-labelledby': 'canaries-title' },
    h(
      'div',
      { class: 'panel-head' },
      h('h2', { id: 'canaries-title' }, 'Canaries'),
      h('span', { class: 'hint' }, 'both versions as they were seen in this step'),
    ),
    h('div', { class: 'routes' }, canaries.map(canaryCard)),
  )
}

function canaryCard(canary: Canary): Node {
  const { stable, canary: next, needed, doubt } = canary.evidence
  const place =
    canary.step < canary.steps.length ? `step ${canary.step + 1} of ${canary.steps.length}` : 'done'
  return h(
    'article',
    { class: 'route', key: `${canary.namespace}/${canary.name}` },
    h(
      'h3',
      {},
      h('span', { class: 'name' }, canary.name),
      h('span', { class: 'dim' }, `.${canary.namespace}`),
      h('span', { class: `tag ${tone(canary.phase)}` }, canary.phase),
      h('span', { class: 'route-rate' }, place),
    ),
    h('p', { class: 'match' }, h('code', {}, canary.route), canary.message),
    versionRow(canary.stable, 100 - canary.weight, stable),
    versionRow(canary.canary, canary.weight, next),
    h(
      'p',
      { class: 'match' },
      canary.steps.map((step, i) => (i === canary.step ? `[${step}]` : step)).join(' → '),
    ),
    needed > 0 && canary.phase === 'Progressing'
      ? h('p', { class: 'dim' }, `About ${plural(needed, 'more request')} until it can be called sound.`)
      : false,
    doubt > 0.5
      ? h(
          'p',
          { class: 'poor' },
          `Evidence that it is worse: ${percent(Math.round(doubt * 100))} of what it takes.`,
        )
      : false,
    h(
      'ul',
      { class: 'canary-history' },
      canary.history
        .slice(-TOLD)
        .toReversed()
        .map(({ at, message }, i) =>
          h(
            'li',
            { key: `${at} ${i}` },
            h('span', { class: 'dim' }, `${clockTime(Date.parse(at))} `),
            message,
          ),
        ),
    ),
  )
}

function versionRow(name: string, weight: number, seen: CanaryVersion): Node {
  return h(
    'div',
    { class: 'backend' },
    h('span', { class: 'backend-name' }, name),
    h(
      'span',
      { class: 'bars', role: 'img', 'aria-label': `weight ${percent(weight)}` },
      h('i', { class: 'bar observed', vars: { '--share': `${weight}%` } }),
    ),
    h(
      'span',
      { class: 'split number' },
      h('b', {}, percent(weight)),
      h('span', { class: 'dim' }, ` ${seen.requests} req.`),
    ),
    h('span', { class: 'number' }, success(seen.requests === 0 ? null : 1 - seen.failed / seen.requests)),
    h(
      'span',
      { class: 'number dim', title: 'at the percentile of its condition' },
      milliseconds(seen.latencyMs),
    ),
  )
}

function tone(phase: string): string {
  if (phase === 'RolledBack' || phase === 'Aborted') return 'bad'
  return phase === 'HandedOver' || phase === 'Paused' ? 'poor' : 'good'
}
