import type { BoardDescription } from '../description.ts'
import { golden, graph, stat } from '../panels.ts'
import { CLIENT, quantile } from '../queries.ts'

const ONE = 'canary_namespace="$namespace",canary="$canary"'
const ASKED = 'weft_route="$route"'

/** How far a Canary is, and both versions beside each other. */
export const canary: BoardDescription = {
  name: 'canary',
  title: 'Canary',
  description:
    'How far a Canary is, and how both versions do under their weights. Choose the rule of the route that it changes.',
  variables: [
    {
      name: 'namespace',
      label: 'Namespace',
      query: 'label_values(weft_canary_weight, canary_namespace)',
    },
    {
      name: 'canary',
      label: 'Canary',
      query: 'label_values(weft_canary_weight{canary_namespace="$namespace"}, canary)',
    },
    {
      name: 'route',
      label: 'Rule',
      query: `label_values(${CLIENT}_count{weft_route=~".+/$namespace/.+"}, weft_route)`,
    },
  ],
  rows: [
    {
      title: 'Where it is',
      panels: [
        stat('Weight of the new version', 'percent', `max(weft_canary_weight{${ONE}})`),
        stat('Rolled back', 'short', `max(weft_canary_phase{${ONE},phase="RolledBack"})`, {
          thresholds: { bad: 1 },
        }),
        stat('Paused', 'short', `max(weft_canary_phase{${ONE},phase="Paused"})`, {
          thresholds: { warn: 1, bad: 2 },
        }),
        stat('Succeeded', 'short', `max(weft_canary_phase{${ONE},phase="Succeeded"})`),
        graph('Weight over time', 'percent', [
          { expr: `max(weft_canary_weight{${ONE}})`, legend: 'new version' },
          {
            expr: `max by (phase) (weft_canary_phase{${ONE}} == 1) * 100`,
            legend: '{{phase}}',
          },
        ]),
      ],
    },
    { title: 'By backend', panels: golden(CLIENT, ASKED, 'weft_backend') },
    { title: 'By version, as the pods name it', panels: golden(CLIENT, ASKED, 'weft_destination_version') },
    {
      title: 'All Canaries',
      panels: [
        {
          kind: 'table',
          title: 'Canaries',
          unit: 'percent',
          width: 16,
          columns: { canary_namespace: 'Namespace', canary: 'Canary', phase: 'Phase' },
          queries: [
            {
              expr:
                'max by (canary_namespace, canary) (weft_canary_weight)' +
                ' * on (canary_namespace, canary) group_right () max by (canary_namespace, canary, phase) (weft_canary_phase == 1)',
              legend: 'Weight',
              unit: 'percent',
            },
          ],
        },
        graph('p50 by backend', 's', [
          { expr: quantile(0.5, CLIENT, ASKED, ['weft_backend']), legend: '{{weft_backend}}' },
        ]),
      ],
    },
  ],
}
