import type { CommandDescription } from '../../core/command-line/description.ts'

/** `weft migrate`. */
export const MIGRATE_COMMAND = {
  name: 'migrate',
  summary: "print Weft's manifests for those of Istio or Linkerd",
  usage: ['MESH -f FILE [flags]', 'MESH FILE... [flags]'],
  about:
    'Reads manifests of another mesh, and prints what says the same to Weft: routes of the Gateway API, TrafficPolicies, ' +
    'policies of who may call, Services for subsets, and Namespaces and workloads with their labels and annotations exchanged. It ' +
    'changes nothing anywhere.\n\n' +
    'What has no counterpart, and what is not quite the same, stands on standard error, with file, line, field and what to do, ' +
    'and as a comment above what its object became. Give it the Services as well: routes name ports, and Services for subsets ' +
    'a selector, which the other mesh takes from there; and workloads, whose pods policies with names of ports or for all namespaces are for. Objects that stay as they are are not printed.',
  arguments: [
    {
      name: 'MESH',
      choices: {
        istio:
          'VirtualService, DestinationRule, AuthorizationPolicy, RequestAuthentication, PeerAuthentication; labels and annotations',
        linkerd:
          'HTTPRoute, ServiceProfile, TrafficSplit, HTTPLocalRateLimitPolicy, Server, AuthorizationPolicy; annotations',
      },
    },
    { name: 'FILE', optional: true, many: true },
  ],
  flags: {
    filename: {
      short: 'f',
      value: 'FILE',
      many: true,
      help: 'a file, a directory with all below it, a kustomize folder, or - for standard input; may be given again',
    },
    namespace: { short: 'n', value: 'NAME', default: 'default', help: 'of objects that name none' },
    json: { help: 'one JSON object in place of YAML' },
  },
  notes: [
    'With --json: {complete, manifests: [...], notes: [{severity: error | warning, file, line, column, kind, namespace, name, ' +
      'field, message, remedy}]}. An error is lost, a warning is not quite the same.',
  ],
  exit:
    '0 all of it has a counterpart, 1 something could not be read and nothing is printed, 2 wrong flags, 3 printed, but ' +
    'something has no counterpart',
  examples: [
    {
      command: 'kubectl get vs,dr,ap,ra,pa,svc,deploy -A -o yaml | weft migrate istio -f - > weft.yaml',
      does: 'What a cluster with Istio has',
    },
    { command: 'weft migrate linkerd -f ./manifests --json', does: 'A directory, for a program' },
  ],
} as const satisfies CommandDescription
