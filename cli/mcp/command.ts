import type { CommandDescription } from '../../core/command-line/description.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'

const { json: _json, ...WHICH_FLAGS } = MESH_FLAGS

/** `weft mcp`. */
export const MCP_COMMAND = {
  name: 'mcp',
  summary: 'a server of the Model Context Protocol for assistants: stat, edges, traces, why, explain, lint',
  usage: ['[flags]'],
  about:
    'Speaks the Model Context Protocol on standard input and output, for an assistant that starts it. Its tools ask the mesh what ' +
    '`weft stat`, `edges`, `traces`, `why` and `lint` ask, and only read; lint reads manifests only below the directory in which it ' +
    'was started. What is in traces (paths, names) was written by whoever sent the requests; the tools say so to the assistant.\n\n' +
    `The mesh is looked for with each question until one is found. ${WHICH_MESH}`,
  flags: {
    'allow-actions': { help: 'also a tool that promotes, pauses, resumes or aborts a Canary' },
    ...WHICH_FLAGS,
  },
  exit: '0 whoever started it closed its input, 1 it failed, 2 wrong flags',
  examples: [
    { command: 'weft mcp', does: 'As an MCP client starts it: {"command": "weft", "args": ["mcp"]}' },
    { command: 'weft mcp --context staging --allow-actions', does: 'For a cluster, with canaries' },
  ],
} as const satisfies CommandDescription
