import { inSection } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS as LOCAL_FLAGS } from '../../local/commands.ts'
import { CLUSTER_FLAGS } from '../cluster/flags.ts'

const { json, ...ofCluster } = CLUSTER_FLAGS

/** Of commands that ask the mesh of this machine or that of a cluster, whichever is meant. */
export const MESH_FLAGS = {
  json,
  ...inSection('The mesh on this machine', {
    local: { help: 'that one, or an error if none runs' },
    ...LOCAL_FLAGS,
  }),
  ...inSection('A cluster', ofCluster),
} as const

/** What their --help says of it. */
export const WHICH_MESH =
  'It is the mesh on this machine that is meant, if one runs, else the cluster that kubectl would talk to; a flag of one ' +
  "of the two chooses. A cluster's control planes are asked by the API server's proxy (verb get on pods/proxy)."
