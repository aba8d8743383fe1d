import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft diff`. */
export const DIFF_COMMAND = {
  name: 'diff',
  summary:
    'what manifests would change: resources, sidecars, and by what the mesh saw who is refused or routed otherwise',
  usage: ['-f PATH [-n NAMESPACE] [--since 24h] [flags]'],
  about:
    'Applies manifests onto what is in force, in memory alone. It lists the resources of xDS that would differ, and for how many ' +
    'sidecars. It routes the requests of the newest 200 traces of the last hour anew, by the code that routes them in sidecars, and lists those that ' +
    'would go elsewhere, be answered by the mesh, or be tried otherwise. And it decides anew on the calls that sidecars saw, by the code that ' +
    'decides in sidecars, and lists the kinds of calls that would newly be refused or let in, with how often they came and the ' +
    'rule that decides. Header fields, claims, hosts, queries and SNI are not recorded, nor whole paths of calls where they vary: where a rule ' +
    'asks for one and that decides, the call or request is listed as unclear. A cluster is also asked whether it would take the objects (dryRun=All). ' +
    'AuthorizationPolicies, MeshPolicy, PeerAuthentications, HTTPRoutes, GRPCRoutes, TLSRoutes, TCPRoutes, TrafficPolicies and ' +
    `XBackendTrafficPolicies count; docs/policy-suggest.md has more. ${WHICH_MESH}`,
  flags: {
    filename: {
      short: 'f',
      value: 'PATH',
      many: true,
      help: 'a manifest, a directory of them, or - for standard input; may be given again',
    },
    namespace: { ...POD_NAMESPACE_FLAG, help: 'only calls to pods of this namespace' },
    since: {
      value: 'DURATION',
      default: '24h',
      help: 'how far back to look, up to 24h, for calls in whole hours; for traces up to 1h',
    },
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {since, now, applied, ignored, kinds, calls, gone, changed: [{change: "refused" | "let-in" | "unclear", ' +
      'namespace, workload, call, rule, because}], dryRun: [{object, result: "taken" | "refused" | "untried", because}], ' +
      'resources: [{type, name, change, proxies}], proxies, routing: {requests, left, changed: [{change: "elsewhere" | "answered" | ' +
      '"retried" | "unclear", from, host, method, path, count, was, is}]}}.',
  ],
  exit: '0 nothing that was seen changes, 1 it could not be told or the API server refuses it, 2 wrong flags, 3 something changes, or may',
  examples: [
    { command: 'weft diff -f new.yaml', does: 'Who is refused once this is applied?' },
    { command: 'weft policy suggest -n shop | weft diff -f - -n shop', does: 'Does it allow what was seen?' },
  ],
} as const satisfies CommandDescription
