import type { CommandDescription } from '../../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../../mesh/mesh-flags.ts'

/** `weft policy suggest`. */
export const POLICY_SUGGEST_COMMAND = {
  name: 'policy suggest',
  summary: 'write the least policies that allow what the mesh saw, and say how sure that is',
  usage: ['[-n NAMESPACE] [--service NAME] [--since 24h] [--write DIR] [flags]'],
  about:
    'Writes AuthorizationPolicies for the pods of a namespace that allow what their sidecars served in the time and nothing else: ' +
    'by identity, port, method and template of the path. What an application answered with 404 or 405 is not allowed, nor what ' +
    'policies refused. For each workload it says how sure it is, and what cannot be known. Policies go to standard output as ' +
    `YAML, with all else as comments in it. docs/policy-suggest.md has more. ${WHICH_MESH}`,
  flags: {
    namespace: { ...POD_NAMESPACE_FLAG, help: 'of the pods', otherwise: "the context's, else default" },
    service: { value: 'NAME', help: 'only for pods behind this Service' },
    since: { value: 'DURATION', default: '24h', help: 'how far back to look, up to 24h; in whole hours' },
    'dry-run': { help: 'policies of mode DryRun, which decide and refuse nobody' },
    write: { value: 'DIR', help: 'a file for each workload there, instead of standard output' },
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {since, now, policies: [...], workloads: [{namespace, workload, services, policies, problem, kinds, ' +
      'unwritten, certainty: {level: "low" | "medium" | "high", calls, watchedMs, unseen, reasons: [{code, level, message}]}}], ' +
      'withoutSidecar, evicted}.',
  ],
  exit: '0 policies were written, 1 there is nothing to write them from or the mesh could not be asked, 2 wrong flags',
  examples: [
    { command: 'weft policy suggest -n payments > payments.yaml', does: 'For all that is in a namespace' },
    {
      command: 'weft policy suggest -n payments --service pay --dry-run',
      does: 'For one Service, to try first',
    },
  ],
} as const satisfies CommandDescription
