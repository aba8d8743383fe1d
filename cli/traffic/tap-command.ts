import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

const TAP_FLAGS = {
  namespace: {
    ...POD_NAMESPACE_FLAG,
    help: 'of the pods that tell',
    otherwise: "the context's, else default",
  },
  service: { value: 'NAME', help: 'only requests to or from it: catalog' },
  method: { value: 'METHOD', help: 'only these' },
  path: { value: 'PREFIX', help: 'only paths that begin so' },
  status: { value: 'CODE', help: 'only 503, or 5xx' },
  flag: { value: 'FLAG', help: 'only with this response flag, such as UF' },
  rate: {
    value: 'N',
    help: 'of so many requests a second at most, 1000 at most',
    otherwise: "the control plane's own",
  },
} as const

const SAMPLED =
  'Where the control plane is fed by sampled traces alone it says so in its first event, and that is told on standard error.'

/** `weft tap`. */
export const TAP_COMMAND = {
  name: 'tap',
  summary: 'requests as they happen',
  usage: ['[flags]'],
  about:
    'Prints requests of a namespace as its sidecars see them, a line each, until Ctrl-C. Paths come without their query; a namespace ' +
    `may forbid it (weft.dev/tap: "off"). In a cluster it takes create on pods/portforward, as the stream is one of a control plane. ${WHICH_MESH}`,
  flags: {
    ...TAP_FLAGS,
    count: { value: 'N', help: 'end after so many', otherwise: 'never' },
    ...MESH_FLAGS,
  },
  notes: [SAMPLED, 'With --json: an object a line, as core/api has TappedRequest.'],
  exit: '0 ended by Ctrl-C or --count, 1 it could not be followed, 2 wrong flags',
  examples: [
    { command: 'weft tap -n shop --service catalog --status 5xx', does: 'Failures of one service' },
    { command: 'weft tap -n shop --json --count 100', does: 'A hundred requests, for a program' },
  ],
} as const satisfies CommandDescription

/** `weft top`. */
export const TOP_COMMAND = {
  name: 'top',
  summary: 'the busiest paths of a namespace, live',
  usage: ['[flags]'],
  about:
    'Adds up the requests that `weft tap` shows by source, destination, method and path, and prints the most frequent every two ' +
    `seconds, until Ctrl-C. Segments of a path that are numbers or long ids count as one. ${WHICH_MESH}`,
  flags: {
    ...TAP_FLAGS,
    limit: { value: 'N', default: '20', help: 'of them at most, 1000 at most' },
    rounds: { value: 'N', help: 'end after so many tables', otherwise: 'never' },
    ...MESH_FLAGS,
  },
  notes: [
    SAMPLED,
    'With --json: each two seconds a line {requests, rows: [{source, destination, method, path, count, failed, p50Ms, p99Ms}]}, since the beginning.',
  ],
  exit: '0 ended by Ctrl-C or --rounds, 1 it could not be followed, 2 wrong flags',
  examples: [{ command: 'weft top -n shop', does: 'Which paths are called most' }],
} as const satisfies CommandDescription
