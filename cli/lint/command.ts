import type { CommandDescription } from '../../core/command-line/description.ts'
import { MANIFESTS } from '../../local/commands.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft lint`. */
export const LINT_COMMAND = {
  name: 'lint',
  summary: 'what is wrong or odd in a configuration: of manifests, or of a mesh with its traffic',
  usage: ['-f PATH [flags]', '[flags]'],
  about:
    'With -f it checks manifests as a cluster would take them; nothing is asked and nothing starts. Without it asks the control ' +
    'planes of a mesh, which look at their objects, endpoints, proxies, certificates and traffic as well. Each finding has a code; ' +
    'docs/checks.md explains it, with a wrong example and the right one.\n\n' +
    'An object leaves findings out by the annotation weft.dev/lint-ignore, which says codes, a colon and why: ' +
    '"WEFT0205: the client library names no port". `weft local validate` is the same engine for `weft local up`.\n\n' +
    WHICH_MESH,
  flags: {
    file: MANIFESTS,
    namespace: { ...POD_NAMESPACE_FLAG, help: 'only findings of this namespace', otherwise: 'all' },
    'fail-on': {
      value: 'LEVEL',
      choices: ['error', 'warning', 'info'],
      default: 'error',
      help: 'the least that makes the exit code 1',
    },
    sarif: { value: 'FILE', help: 'also as SARIF 2.1.0, for code scanning; - for standard output' },
    ...MESH_FLAGS,
  },
  notes: [
    'With --json: {coverage, checks: [{code, severity, kind, namespace, name, field, message, effect, remedy, file, line, column}], suppressed: [{code, kind, ' +
      'namespace, name, field, reason}]}. Findings that need all replicas of the control plane (WEFT0602, WEFT0701) are told only where ' +
      'all answered.',
  ],
  exit: '0 nothing of that level was found, 1 something was, or the mesh could not be asked, 2 wrong flags',
  examples: [
    { command: 'weft lint -f ./manifests --fail-on warning', does: 'In CI' },
    { command: 'weft lint -n shop', does: 'Of a mesh that runs, with what its traffic shows' },
    {
      command: 'kustomize build overlays/prod | weft lint -f - --sarif lint.sarif',
      does: 'For code scanning',
    },
  ],
} as const satisfies CommandDescription
