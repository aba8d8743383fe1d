import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { POLICY_NETWORK_COMMAND } from './network/command.ts'
import { POLICY_SUGGEST_COMMAND } from './suggest/command.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft policy list`. */
export const POLICY_LIST_COMMAND = {
  name: 'policy list',
  summary: 'every policy of the mesh, what it is attached to, and what became of it',
  usage: ['[flags]'],
  about: `Lists the policies that the control plane knows, with their targets and whether they are in force. ${WHICH_MESH}`,
  flags: { namespace: { ...POD_NAMESPACE_FLAG, help: 'only of this namespace' }, ...MESH_FLAGS },
  notes: [
    'With --json: {policies: [{kind, namespace, name, targets: [{kind, namespace, name, accepted, reason, message, partly}]}]}.',
  ],
  exit: '0 listed, 1 the mesh could not be asked, 2 wrong flags',
} as const satisfies CommandDescription

/** `weft policy effective`. */
export const POLICY_EFFECTIVE_COMMAND = {
  name: 'policy effective',
  summary: 'what holds for a pod, port by port, from where, and what is not covered',
  usage: ['POD [flags]'],
  about:
    'Prints what holds for connections to a pod: the mode of mutual TLS and the rules of each port, each with the object ' +
    `that it comes from, the default decision, and what no policy covers. ${WHICH_MESH}`,
  arguments: [{ name: 'POD' }],
  flags: {
    namespace: { ...POD_NAMESPACE_FLAG, help: 'of the pod', otherwise: "the context's, else default" },
    ...MESH_FLAGS,
  },
  notes: [
    'POD is a name or namespace/name. With --json: what /api/authorization/workloads/NAMESPACE/POD gives.',
  ],
  exit: '0 printed, 1 there is no such pod with a sidecar or the mesh could not be asked, 2 wrong flags',
  examples: [{ command: 'weft policy effective pay-5d8f7-x2x4z -n payments', does: 'One pod' }],
} as const satisfies CommandDescription

/** `weft policy test`. */
export const POLICY_TEST_COMMAND = {
  name: 'policy test',
  summary: 'whether a request would be let in, which rule decides, and what would have to change',
  usage: [
    '--from NAMESPACE/ACCOUNT --to NAMESPACE/SERVICE:PORT [-X METHOD] [PATH] [flags]',
    '-f PATH --from NAMESPACE/ACCOUNT --to NAMESPACE/SERVICE:PORT [-X METHOD] [PATH] [flags]',
  ],
  about:
    'Decides on a request that nobody sends, as the sidecar of the server would: with the rules that are in force there, by ' +
    'the same code, on the path as sidecars put it in order. It tells the rule that decides; of a refusal also the rule that ' +
    'comes nearest to letting it in, and what of it is not met. Of a Service all pods that it leads to are asked. The request ' +
    'is taken as it arrives at the server, so after the rewrites of routes.\n\n' +
    `With -f the manifests at PATH decide, without a mesh. ${WHICH_MESH}`,
  arguments: [{ name: 'PATH', optional: true }],
  flags: {
    from: {
      value: 'NS/ACCOUNT[@POD]',
      help: "who calls: a service account, or a whole SPIFFE ID; with the pod's name from the pod's address",
    },
    to: {
      value: 'NS/NAME:PORT',
      help: 'a Service and its port, or a pod and the port that it listens on',
    },
    request: { short: 'X', value: 'METHOD', default: 'GET', help: 'the method' },
    header: {
      short: 'H',
      value: 'NAME: VALUE',
      many: true,
      help: 'a field of the request; may be given again',
    },
    claim: {
      value: 'NAME=VALUE',
      many: true,
      help: 'a claim of a verified token; a JSON value counts as that; a.b is b within a; may be given again',
    },
    host: { value: 'HOST', help: 'the authority', otherwise: "the Service's name and port" },
    'source-ip': { value: 'ADDRESS', help: 'where it comes from', otherwise: 'that of the pod in --from' },
    plaintext: { help: 'without mutual TLS, so by nobody known' },
    tcp: { help: 'a connection that carries no HTTP' },
    sni: { value: 'NAME', help: 'with --tcp: the server name of the TLS that it carries' },
    filename: {
      short: 'f',
      value: 'PATH',
      many: true,
      help: 'manifests that decide in place of a mesh: a directory, a file, or - for standard input; may be given again',
    },
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {verdict: "allowed" | "refused" | "differs" | "unknown", request, pods: [{pod, port, verdict, by, rule, ' +
      'explanation: {verdict, dependsOn, denies, allows, nearest}, dryRun, audited, sources, decision, covering, notes}]}; each of ' +
      'denies, allows and nearest is {rule, met, unmet, unknown}.',
  ],
  exit: '0 it would be let in, 1 it could not be decided, 2 wrong flags, 3 it would be refused, or by one of the pods',
  examples: [
    {
      command: 'weft policy test --from shop/web --to payments/pay:8080 -X POST /charge',
      does: 'May the shop charge?',
    },
    {
      command: 'weft policy test -f ./manifests --from shop/web --to payments/pay:8080 -X POST /charge',
      does: 'The same before anything is applied, e.g. in CI',
    },
  ],
} as const satisfies CommandDescription

/** `weft policy`. */
export const POLICY_COMMAND = {
  name: 'policy',
  summary: 'look at policies, and try them on requests',
  usage: ['COMMAND [flags]'],
  about: `Tells what policies of the mesh mean (docs/security.md). ${WHICH_MESH}`,
  flags: {},
  subcommands: [
    POLICY_LIST_COMMAND,
    POLICY_EFFECTIVE_COMMAND,
    POLICY_TEST_COMMAND,
    POLICY_SUGGEST_COMMAND,
    POLICY_NETWORK_COMMAND,
  ],
  notes: ['`weft policy COMMAND --help` lists the flags of one.'],
  exit: 'as each command says',
} as const satisfies CommandDescription
