import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

const TAP_FLAGS = {
  namespace: {
    ...POD_NAMESPACE_FLAG,
    help: 'of the pods that tell',
    otherwise: "the context's, else default",
  },
  workload: { value: 'NAME', help: 'only pods of this workload tell, or this pod' },
  service: { value: 'NAME', help: 'only requests to or from it: catalog, catalog.shop' },
  route: { value: 'ROUTE', help: 'only by this: HTTPRoute/shop/catalog, or with /0 a rule of it' },
  direction: { value: 'WAY', help: 'only inbound (at servers), or outbound (at callers)' },
  method: { value: 'METHOD', help: 'only these' },
  path: { value: 'PREFIX', help: 'only paths that begin so' },
  status: { value: 'CODE', help: 'only 503, or 5xx; 0: no answer' },
  flag: { value: 'FLAG', help: 'only with this response flag, such as UF' },
  min: { value: 'TIME', help: 'only those that took so long: 250ms, 2s' },
  max: { value: 'TIME', help: 'only those that took no longer' },
} as const

const RATE = { value: 'N', help: 'of so many requests a second at most, 1000 at most' } as const

const SOURCES =
  'Sidecars tell of each request as it ends. Those that cannot be asked (of an earlier release, or connected to no control plane) are told of by their ' +
  'sampled traces; that, and requests that came faster than --rate, is told on standard error.'

/** `weft tap`. */
export const TAP_COMMAND = {
  name: 'tap',
  summary: 'requests as they happen',
  usage: ['[flags]'],
  about:
    'Prints requests of a namespace as its sidecars see them, a line each, until Ctrl-C. Paths come without their query; a namespace or pod ' +
    `may forbid it (weft.dev/tap: "off"). In a cluster it takes get and create on pods/portforward, as the stream is one of a control plane. ${WHICH_MESH}`,
  flags: {
    ...TAP_FLAGS,
    rate: { ...RATE, otherwise: '20' },
    headers: {
      help: 'with header fields and query, without credentials; takes a token with the right to tap',
    },
    count: { value: 'N', help: 'end after so many', otherwise: 'never' },
    ...MESH_FLAGS,
  },
  notes: [SOURCES, 'With --json: an object a line, as core/api has TappedRequest.'],
  exit: '0 ended by Ctrl-C or --count, 1 it could not be followed, 2 wrong flags',
  examples: [
    { command: 'weft tap -n shop --service catalog --status 5xx', does: 'Failures of one service' },
    {
      command: 'weft tap -n shop --workload web --min 250ms --headers',
      does: 'Slow requests of one workload, with their header fields',
    },
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
    'seconds, until Ctrl-C. Segments of a path that are numbers or long ids count as one. Without --direction and --workload a request of one pod of ' +
    `the namespace to another counts once, at its caller. ${WHICH_MESH}`,
  flags: {
    ...TAP_FLAGS,
    rate: { ...RATE, default: '1000' },
    limit: { value: 'N', default: '20', help: 'of them at most, 1000 at most' },
    rounds: { value: 'N', help: 'end after so many tables', otherwise: 'never' },
    ...MESH_FLAGS,
  },
  notes: [
    SOURCES,
    'With --json: each two seconds a line {requests, skipped, rows: [{source, destination, method, path, count, failed, p50Ms, p99Ms}]}, since the beginning.',
  ],
  exit: '0 ended by Ctrl-C or --rounds, 1 it could not be followed, 2 wrong flags',
  examples: [{ command: 'weft top -n shop', does: 'Which paths are called most' }],
} as const satisfies CommandDescription
