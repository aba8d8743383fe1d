import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'
import { RANGE_FLAGS } from './time-range.ts'

/** `weft traces`. */
export const TRACES_COMMAND = {
  name: 'traces',
  summary: 'search traces, or print one as a waterfall',
  usage: ['[flags]', 'ID [flags]'],
  about:
    'Lists traces, the newest first: by service, route, status, duration, flag or identity. With an ID it prints the spans of one ' +
    `trace by their times, with tries, statuses and flags. ${WHICH_MESH}`,
  arguments: [{ name: 'ID', optional: true }],
  flags: {
    namespace: { ...POD_NAMESPACE_FLAG, help: 'where the trace passes', otherwise: 'any' },
    service: { value: 'NAME', help: 'that it passes: catalog or catalog.shop' },
    route: { value: 'RULE', help: 'that a hop followed, such as HTTPRoute/shop/catalog/0' },
    status: { value: 'CODE', help: '503 or 5xx' },
    flag: { value: 'FLAG', help: 'a response flag, such as UF' },
    identity: { value: 'ID', help: 'SPIFFE ID of a caller' },
    method: { value: 'METHOD', help: 'of the first request' },
    path: { value: 'PREFIX', help: 'its path begins so' },
    min: { value: 'MS', help: 'that took at least so many milliseconds' },
    max: { value: 'MS', help: 'that took at most so many milliseconds' },
    failed: { help: 'only those that failed' },
    limit: { value: 'N', default: '20', help: 'of them at most, 1000 at most' },
    ...RANGE_FLAGS,
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {coverage, from, to, traces, more}, of one {coverage, traceId, ..., spans}, as core/api has them.',
  ],
  exit: '0 printed, 1 there is no such trace or the mesh could not be asked, 2 wrong flags',
  examples: [
    { command: 'weft traces --service catalog.shop --status 5xx --last 1h', does: 'Failures of an hour' },
    { command: 'weft traces 4bf92f3577b34da6a3ce929d0e0e4736', does: 'Where the time of one went' },
  ],
} as const satisfies CommandDescription
