import type { CommandDescription } from '../../core/command-line/description.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft why`. */
export const WHY_COMMAND = {
  name: 'why',
  summary: 'why a request was refused, and what would have to change',
  usage: ['ID [flags]'],
  about:
    'Tells of a refusal who was refused, by whom and by which rule, which rule comes nearest to letting it in, and what of that ' +
    'is not met. ID is the reference that the caller was given (`access denied, reference ID`), which is also the id of its ' +
    'trace. The rules are those in force now: where they would let it in by now, that is said. Values of header fields and of ' +
    'claims are not recorded; where a rule asks for one, it says so.\n\n' +
    `Control planes keep the newest refusals in memory, and sidecars tell of ten a second each. ${WHICH_MESH}`,
  arguments: [{ name: 'ID' }],
  flags: MESH_FLAGS,
  notes: [
    'With --json: {reference, refusals: [{refusal, now}]}; now is what `weft policy test` says of a pod, null where the pod is gone.',
  ],
  exit: '0 told, 1 it is not known, or not any more, or the mesh could not be asked, 2 wrong flags',
  examples: [
    {
      command: 'weft why 4bf92f3577b34da6a3ce929d0e0e4736',
      does: 'From the body of a 403, or a line of an access log',
    },
  ],
} as const satisfies CommandDescription
