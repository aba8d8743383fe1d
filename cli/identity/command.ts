import { inSection, type CommandDescription } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS } from '../cluster/flags.ts'

const { json, ...ofCluster } = CLUSTER_FLAGS

const FLAGS = {
  file: {
    value: 'FILE',
    help: 'a file of manifests instead of a cluster, such as one that `weft local up -f` follows; made if it is not there',
  },
  'trust-domain': {
    value: 'NAME',
    default: 'cluster.local',
    help: 'of the mesh, for NAMESPACE/SERVICEACCOUNT',
  },
  json,
  ...inSection('A cluster', ofCluster),
} as const

const CERTIFICATE = {
  value: 'CERT',
  help: 'a serial number or SHA-256 fingerprint in hexadecimal, or a PEM file with the certificate',
} as const
const WHAT = [{ name: 'IDENTITY', optional: true }] as const
const IDENTITY = 'IDENTITY is NAMESPACE/SERVICEACCOUNT or a SPIFFE ID.'
const EXIT = '0 done, 1 it could not be done, 2 wrong flags'

export const IDENTITY_REVOKE_COMMAND = {
  name: 'identity revoke',
  summary: 'have the whole mesh refuse an identity or a certificate',
  usage: ['IDENTITY [--reason TEXT] [flags]', '--certificate CERT [--reason TEXT] [flags]'],
  about:
    `Writes an IdentityRevocation. ${IDENTITY} Connected sidecars are told at once, refuse it as caller and as server, and end ` +
    'open connections with it; nothing is signed for it. A workload whose certificate is revoked, and not its identity, gets ' +
    'another at once. Ports that take plaintext know no identity: docs/identity.md.',
  arguments: WHAT,
  flags: {
    certificate: CERTIFICATE,
    reason: { value: 'TEXT', help: 'one line for people' },
    ...FLAGS,
  },
  exit: EXIT,
  examples: [
    { command: 'weft identity revoke shop/web --reason "its node was broken into"', does: 'An identity' },
    { command: 'weft identity revoke --certificate leaked.pem', does: 'One certificate' },
  ],
} as const satisfies CommandDescription

export const IDENTITY_LIST_COMMAND = {
  name: 'identity list',
  summary: 'what is revoked, since when and why',
  usage: ['[flags]'],
  about: 'Lists the IdentityRevocations of the namespace where Weft is installed, in which alone they hold.',
  flags: FLAGS,
  exit: EXIT,
} as const satisfies CommandDescription

export const IDENTITY_RESTORE_COMMAND = {
  name: 'identity restore',
  summary: 'undo a revocation',
  usage: ['IDENTITY [flags]', '--certificate CERT [flags]'],
  about: `Removes what \`weft identity revoke\` wrote. ${IDENTITY}`,
  arguments: WHAT,
  flags: { certificate: CERTIFICATE, ...FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

/** `weft identity`. */
export const IDENTITY_COMMAND = {
  name: 'identity',
  summary: 'revoke identities and certificates of workloads, and undo it',
  usage: ['COMMAND [flags]'],
  about: 'Takes workloads out of the mesh by who they are (docs/identity.md).',
  flags: {},
  subcommands: [IDENTITY_REVOKE_COMMAND, IDENTITY_LIST_COMMAND, IDENTITY_RESTORE_COMMAND],
  notes: ['`weft identity COMMAND --help` lists the flags of one.'],
  exit: EXIT,
} as const satisfies CommandDescription

export type IdentityCommand = (typeof IDENTITY_COMMAND.subcommands)[number]
