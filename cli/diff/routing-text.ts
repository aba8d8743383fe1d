import { tableText } from '../cluster/table.ts'
import { countText } from '../policy/suggest/certainty.ts'
import type { ChangedResources } from './changed-resources.ts'
import type { DryRun } from './dry-run.ts'
import type { ChangedRouting, ReplayedRouting } from './replay-routes.ts'

/** Of resources, those that are listed; --json has all. */
const SHOWN = 20

const TITLES: Readonly<Record<ChangedRouting['change'], string>> = {
  elsewhere: 'would go elsewhere',
  answered: 'would be answered by the mesh, or no more',
  retried: 'would be tried otherwise',
  unclear: 'may be routed otherwise',
}

export function dryRunText(found: readonly DryRun[]): string {
  return found
    .filter(({ result }) => result !== 'taken')
    .map(({ object, result, because }) =>
      result === 'refused'
        ? `the API server refuses ${object}: ${because}\n`
        : `the API server was not asked about ${object}: ${because}\n`,
    )
    .join('')
}

export function resourcesText({ resources, proxies, of }: ChangedResources): string {
  if (resources.length === 0) return 'resources that change: none\n'
  const rows = resources
    .slice(0, SHOWN)
    .map(({ type, name, change, proxies: count }) => [type, name, change, String(count)])
  const more = resources.length - rows.length
  return (
    `resources that change: ${resources.length}, for ${proxies.length} of ${countText(of, 'sidecar')} (each is told of what it uses)\n` +
    tableText(['TYPE', 'NAME', 'CHANGE', 'SIDECARS'], rows) +
    (more > 0 ? `${more} more: --json has them\n` : '')
  )
}

export function routingText({ requests, left, changed }: ReplayedRouting): string {
  const head = `routed anew: ${countText(requests, 'request')} of recorded traces${
    left === 0
      ? ''
      : `; ${left} more could not be, as their caller or host is not there or too little was recorded`
  }\n`
  const parts = Object.entries(TITLES).flatMap(([change, title]) => {
    const own = changed.filter((one) => one.change === change)
    if (own.length === 0) return []
    const total = own.reduce((sum, { count }) => sum + count, 0)
    const rows = own.map(({ from, host, method, path, count, was, is }) => [
      from,
      host,
      `${method} ${path}`,
      String(count),
      was,
      is,
    ])
    return `${title}: ${countText(total, 'request')}\n${tableText(['FROM', 'TO', 'SUCH AS', 'COUNT', 'NOW', 'THEN'], rows)}`
  })
  return head + (parts.length > 0 ? parts.join('\n') : requests > 0 ? 'none would be routed otherwise\n' : '')
}
