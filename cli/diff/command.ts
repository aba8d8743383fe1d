import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft diff`. */
export const DIFF_COMMAND = {
  name: 'diff',
  summary: 'who would newly be refused or let in, by what the mesh saw, if these policies were applied',
  usage: ['-f PATH [-n NAMESPACE] [--since 24h] [flags]'],
  about:
    'Applies manifests onto what is in force, in memory alone, and decides anew on the calls that sidecars saw, by the code that ' +
    'decides in sidecars. It lists the kinds of calls that would newly be refused or let in, with how often they came and the ' +
    'rule that decides. Header fields, claims, hosts and SNI are not recorded, nor whole paths where they vary: where a rule ' +
    'asks for one and that decides, the call is listed as unclear. AuthorizationPolicies, MeshPolicy, PeerAuthentications, ' +
    `HTTPRoutes and GRPCRoutes count; docs/policy-suggest.md has more. ${WHICH_MESH}`,
  flags: {
    filename: {
      short: 'f',
      value: 'PATH',
      many: true,
      help: 'a manifest, a directory of them, or - for standard input; may be given again',
    },
    namespace: { ...POD_NAMESPACE_FLAG, help: 'only calls to pods of this namespace' },
    since: { value: 'DURATION', default: '24h', help: 'how far back to look, up to 24h; in whole hours' },
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {since, now, applied, ignored, kinds, calls, gone, changed: [{change: "refused" | "let-in" | "unclear", ' +
      'namespace, workload, call, rule, because}]}.',
  ],
  exit: '0 nothing that was seen changes, 1 it could not be told, 2 wrong flags, 3 something changes, or may',
  examples: [
    { command: 'weft diff -f new.yaml', does: 'Who is refused once this is applied?' },
    { command: 'weft policy suggest -n shop | weft diff -f - -n shop', does: 'Does it allow what was seen?' },
  ],
} as const satisfies CommandDescription
