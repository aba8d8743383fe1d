import type { CommandDescription } from '../../core/command-line/description.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft explain`. */
export const EXPLAIN_COMMAND = {
  name: 'explain',
  summary: 'what becomes of a request, and why: route, backends, endpoints, retries, policy',
  usage: [
    '--from NAMESPACE/WORKLOAD --to URL [-X METHOD] [-H "NAME: VALUE"]... [flags]',
    '--trace ID [flags]',
  ],
  about:
    'Tells what would become of a request that nobody sends. The very sidecar of the caller is asked, by the code that decides on ' +
    'requests and with the state of this moment: which rule matches and why those before it do not, the odds of each backend and ' +
    'endpoint with its health, timeouts, after what it would be tried again, and what the sidecar of the server then decides by ' +
    'its policies. Nothing is sent and nothing is counted.\n\n' +
    'With --trace it tells of a request that happened what was decided at each hop, and where that would be decided otherwise now. ' +
    'Header fields and queries are not recorded.\n\n' +
    `Sidecars are asked by their control plane, on the connection that they have with it. ${WHICH_MESH}`,
  flags: {
    from: { value: 'NS/WORKLOAD', help: 'who calls: a workload, any of whose pods is asked, or a pod' },
    to: {
      value: 'URL',
      help: 'what is called: http://catalog.shop:8080/items/7, or grpc://, https://, tls://, tcp://',
    },
    request: { short: 'X', value: 'METHOD', help: 'the method', otherwise: 'GET, of gRPC POST' },
    header: {
      short: 'H',
      value: 'NAME: VALUE',
      many: true,
      help: 'a field of the request; may be given again',
    },
    trace: { value: 'ID', help: 'a trace id: 32 hexadecimal digits' },
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {caller, server, config}, or with --trace {traceId, whole, hops}: core/api/explanation.ts.',
  ],
  exit: '0 told, 1 the mesh or the sidecar could not be asked, or there is no such workload or trace, 2 wrong flags',
  examples: [
    {
      command: "weft explain --from shop/web --to http://catalog.shop:8080/items/7 -H 'x-user: beta'",
      does: 'Where does this go, and why?',
    },
    {
      command: 'weft explain --trace 4bf92f3577b34da6a3ce929d0e0e4736',
      does: 'And why did that one go there?',
    },
  ],
} as const satisfies CommandDescription
