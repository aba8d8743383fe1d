import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

/** `weft bundle`. */
export const BUNDLE_COMMAND = {
  name: 'bundle',
  summary: 'put everything that a bug report needs into one file, without secrets',
  usage: ['[-o FILE] [-n NAMESPACE] [--application-logs] [flags]'],
  about:
    'Writes one tar.gz with what it takes to find a bug: versions of all parts, kernel and Node.js, what `weft check` and ' +
    '`weft proxies` say, problems, services, routes and policies as each control plane has them and as they were written, events, ' +
    "the configuration of sidecars as `weft config` prints it, and the last 1,000 lines of Weft's own containers. contents.json in " +
    'it lists what is there, and what was left out and why: what may not be read, and what is above 4 MiB a page, 256 KiB a log, 50 ' +
    'sidecars (those that do not get on first) or 48 MiB together.\n\n' +
    'Nothing is changed, no Secret is read, and no requests that were recorded are in it. Values of variables, data of Secrets, private keys, tokens, ' +
    'passwords in URLs, values of queries, and fields and headers with a name like Authorization, Cookie or password are replaced ' +
    'by [redacted]; names, addresses, paths and identities stay. What has no such name and looks like no secret cannot be known: ' +
    `look through the file before you give it away.\n\n${WHICH_MESH}`,
  flags: {
    output: {
      short: 'o',
      value: 'FILE',
      help: 'the file, which must not be there yet',
      otherwise: 'weft-bundle-TIME.tar.gz in this directory',
    },
    namespace: { ...POD_NAMESPACE_FLAG, help: "only what is in this namespace, and Weft's own" },
    'application-logs': { help: "logs of the applications' containers, too" },
    ...MESH_FLAGS,
  },
  notes: [
    'In a cluster it takes the verbs get and list on what it reads, get on pods/log and pods/proxy, get and create on pods/portforward.',
    'With --json: {file, bytes, mesh, files: [{name, bytes}], leftOut: [{name, why}]}.',
  ],
  exit: '0 written, 1 the mesh could not be asked or the file not be written, 2 wrong flags',
  examples: [
    { command: 'weft bundle -n shop -o bug.tar.gz', does: 'One namespace, to be attached to a report' },
  ],
} as const satisfies CommandDescription
