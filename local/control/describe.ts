import type { ObjectEvent } from '../pod/events.ts'
import type { ContainerState, ContainerStatus, Termination } from '../pod/pod-state.ts'
import { podWord } from './pod-word.ts'
import type { PodStatus } from './status.ts'
import { age, textTable } from './text-table.ts'

/** `weft local describe POD` for people. */
export function describePod(pod: PodStatus, now: number): string {
  const lines = [
    ['Name', pod.name],
    ['Namespace', pod.namespace],
    ['Service Account', pod.serviceAccount],
    ['Age', age(now - pod.createdAt)],
    [
      'Labels',
      Object.entries(pod.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || '<none>',
    ],
    ['Controlled By', pod.owner ?? '<none>'],
    ['Status', podWord(pod)],
    ...(pod.problem === undefined ? [] : [['Message', pod.problem]]),
    ['IPs', pod.ips.join(', ') || '<none>'],
  ]
  return [
    ...lines.map(([name = '', value = '']) => field(0, name, value)),
    ...pod.containers.flatMap((container) => ['', ...containerLines(container, now)]),
    '',
    eventTable(pod.events, now),
  ].join('\n')
}

function containerLines(container: ContainerStatus, now: number): string[] {
  const { name, kind, image, state, ready, restarts, last, unhealthy } = container
  return [
    `Container ${name}:`,
    ...(kind === 'app' ? [] : [field(2, 'Kind', kind === 'init' ? 'init container' : 'sidecar')]),
    field(2, 'Image', image),
    ...stateLines('State', state, now),
    ...(last ? stateLines('Last State', { type: 'terminated', ...last }, now) : []),
    field(2, 'Ready', ready ? 'True' : 'False'),
    ...(unhealthy === undefined ? [] : [field(2, 'Unhealthy', unhealthy)]),
    field(2, 'Restart Count', String(restarts)),
  ]
}

function stateLines(name: string, state: ContainerState, now: number): string[] {
  switch (state.type) {
    case 'running':
      return [field(2, name, `Running, for ${age(now - state.startedAt)}`)]
    case 'waiting':
      return [field(2, name, 'Waiting'), ...because(state)]
    case 'terminated':
      return [
        field(2, name, 'Terminated'),
        ...because(state),
        field(4, 'Exit Code', String(state.exitCode)),
        field(4, 'Finished', `${age(now - state.finishedAt)} ago`),
      ]
  }
}

function because({ reason, message }: Pick<Termination, 'reason' | 'message'>): string[] {
  return [field(4, 'Reason', reason), ...(message === undefined ? [] : [field(4, 'Message', message)])]
}

function field(indent: number, name: string, value: string): string {
  return ' '.repeat(indent) + `${name}:`.padEnd(20 - indent) + value
}

/** Events as `kubectl describe` lists them, below their head; `withObject` says to what each of them happened. */
export function eventTable(events: readonly ObjectEvent[], now: number, withObject = false): string {
  if (events.length === 0) return 'Events:             <none>'
  const rows = events.map(({ type, reason, message, count, firstAt, lastAt, object }) => [
    type,
    reason,
    age(now - lastAt) + (count > 1 ? ` (x${count} over ${age(now - firstAt)})` : ''),
    ...(withObject ? [object] : []),
    message,
  ])
  return textTable(['TYPE', 'REASON', 'AGE', ...(withObject ? ['OBJECT'] : []), 'MESSAGE'], rows)
}
