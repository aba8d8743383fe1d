import type { Denial } from './api.mts'
import { h, type Node } from './dom.mts'
import { clockTime, plural } from './format.mts'

/** Who was refused by a policy of late, or nothing where nobody was. */
export function denialsPanel(denials: readonly Denial[], windowSeconds: number): Node | false {
  if (denials.length === 0) return false
  return h(
    'section',
    { class: 'panel', 'aria-labelledby': 'denials-title' },
    h(
      'div',
      { class: 'panel-head' },
      h('h2', { id: 'denials-title' }, 'Denials'),
      h(
        'span',
        { class: 'hint' },
        `as sidecars told them in the last ${plural(windowSeconds / 60, 'minute')}; `,
        h('code', {}, 'weft why REFERENCE'),
        ' says what would have to change',
      ),
    ),
    h(
      'div',
      { class: 'scroll' },
      h(
        'table',
        { class: 'denials' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ['Caller', 'Refused by', 'Last', 'What', 'Rule', 'Reference'].map((text) =>
              h('th', { scope: 'col' }, text),
            ),
            h('th', { scope: 'col', class: 'number' }, 'Count'),
          ),
        ),
        h('tbody', {}, denials.map(row)),
      ),
    ),
  )
}

function row({ count, last }: Denial): Node {
  const { from, to, rule, dryRun, reference, time, protocol } = last
  const what = protocol === 'tcp' ? `connection ${last.sni}`.trim() : `${last.method} ${last.path}`
  return h(
    'tr',
    { key: JSON.stringify([from.identity, to.namespace, to.service, to.port, rule, dryRun, protocol]) },
    h(
      'th',
      { scope: 'row' },
      from.identity === ''
        ? h('span', { class: 'clip poor', title: from.address }, `plaintext ${from.address}`.trim())
        : h('span', { class: 'mono clip', title: from.identity }, shortIdentity(from.identity)),
    ),
    h(
      'td',
      { title: `pod ${to.pod}` },
      h('span', { class: 'name' }, to.service),
      h('span', { class: 'dim' }, `.${to.namespace}:${to.port}`),
    ),
    h('td', { class: 'mono dim' }, clockTime(time)),
    h('td', {}, h('span', { class: 'mono clip', title: what }, what)),
    h(
      'td',
      {},
      rule === '' ? h('span', { class: 'dim' }, 'no rule allows it') : h('span', { class: 'mono' }, rule),
      dryRun ? h('span', { class: 'tag warn' }, 'dry run') : false,
    ),
    h('td', { class: 'mono' }, reference),
    h('td', { class: 'number' }, count.toLocaleString('en')),
  )
}

/** `shop/web` of `spiffe://cluster.local/ns/shop/sa/web`; of others all. */
function shortIdentity(identity: string): string {
  const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity) ?? []
  return namespace === undefined || account === undefined ? identity : `${namespace}/${account}`
}
