import type { SeenVersion } from '../../control-plane/canary/evidence/step-evidence.ts'
import { tableText } from '../cluster/table.ts'
import type { KnownCanary } from './canaries.ts'

/** A line each. */
export function canaryTable(canaries: readonly KnownCanary[]): string {
  if (canaries.length === 0) return 'There is no Canary.\n'
  return tableText(
    ['NAMESPACE', 'CANARY', 'WEIGHT', 'STEP', 'PHASE', 'WHY'],
    canaries.map(({ namespace, name, status }) => [
      namespace,
      name,
      status ? `${status.weight} %` : '-',
      status ? stepText(status.step, status.steps) : '-',
      status?.phase ?? 'Waiting',
      status?.message ?? 'no control plane has looked at it yet',
    ]),
  )
}

/** All about one. */
export function canaryText({ namespace, name, status }: KnownCanary): string {
  if (!status) return `${namespace}/${name}: no control plane has looked at it yet\n`
  const { stable, canary, needed } = status.evidence
  const lines = [
    `${namespace}/${name}: ${status.phase}, ${status.weight} % of requests, step ${stepText(status.step, status.steps)}`,
    status.message,
    ...(status.revision === '' ? [] : [`revision ${status.revision}`]),
    '',
    'Seen in this step:',
    `  stable  ${seenText(stable)}`,
    `  canary  ${seenText(canary)}`,
    ...(needed > 0
      ? [`  about ${needed} more requests of the canary are needed to say that it is sound`]
      : []),
    '',
    ...status.history.map(({ at, message }) => `${at}  ${message}`),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function stepText(step: number, steps: number): string {
  return step >= steps ? `${steps} of ${steps}, done` : `${step + 1} of ${steps}`
}

function seenText({ requests, failed, latencyMs }: SeenVersion): string {
  const share = requests === 0 ? '' : ` (${((100 * failed) / requests).toFixed(2)} %)`
  const latency = latencyMs === null || latencyMs === undefined ? '' : `, at the percentile ${latencyMs} ms`
  return `${requests} requests, ${failed} failed${share}${latency}`
}
