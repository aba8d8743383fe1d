import { inSection, type CommandDescription } from '../../core/command-line/description.ts'
import { CLUSTER_FLAGS as LOCAL_FLAGS } from '../../local/commands.ts'
import { CLUSTER_FLAGS } from '../cluster/flags.ts'

const { json, 'weft-namespace': _, ...ofCluster } = CLUSTER_FLAGS

const FLAGS = {
  namespace: {
    short: 'n',
    value: 'NAME',
    help: "the Canary's",
    otherwise: 'that of the context, or default',
  },
  json,
  ...inSection('The mesh on this machine', {
    local: { help: 'its Canaries, or an error if none runs' },
    ...LOCAL_FLAGS,
  }),
  ...inSection('A cluster', ofCluster),
} as const

const NAME = [{ name: 'NAME' }] as const
const WHERE =
  'It is the mesh on this machine that is meant, if one runs, else the cluster that kubectl would talk to; a flag of one ' +
  'of the two chooses. docs/canary.md has more.'
const ASKED =
  'Returns once that is asked for; the Canary acts within moments, and `weft canary status` says what came of it.'
const EXIT = '0 asked for, 1 there is no such Canary or it could not be asked, 2 wrong flags'

export const CANARY_STATUS_COMMAND = {
  name: 'canary status',
  summary: 'how far Canaries are, on what evidence, and why they wait or went back',
  usage: ['[NAME] [flags]'],
  about: `Lists the Canaries of all namespaces, or tells all about one. ${WHERE}`,
  arguments: [{ name: 'NAME', optional: true }],
  flags: FLAGS,
  exit: '0 told, 1 there is no such Canary or it could not be asked, 2 wrong flags',
  examples: [{ command: 'weft canary status catalog -n shop', does: 'One, with what happened to it' }],
} as const satisfies CommandDescription

export const CANARY_PROMOTE_COMMAND = {
  name: 'canary promote',
  summary: 'go on to the next step now, whatever is missing',
  usage: ['NAME [--full] [flags]'],
  about: `Has a Canary go on to its next step, which ends a pause, too. ${ASKED} ${WHERE}`,
  arguments: NAME,
  flags: { full: { help: 'all requests to the new version at once' }, ...FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const CANARY_PAUSE_COMMAND = {
  name: 'canary pause',
  summary: 'stay at the weight that it has',
  usage: ['NAME [flags]'],
  about: `Has a Canary stay where it is. A new version that gets worse goes back all the same. ${ASKED} ${WHERE}`,
  arguments: NAME,
  flags: FLAGS,
  exit: EXIT,
} as const satisfies CommandDescription

export const CANARY_RESUME_COMMAND = {
  name: 'canary resume',
  summary: 'go on after a pause; begin again after it went back, or after an edit of the route',
  usage: ['NAME [flags]'],
  about:
    'Has a Canary go on that is paused. One that went back or was aborted begins again, and so does one whose route somebody ' +
    `edited: it takes the route's weights back. ${ASKED} ${WHERE}`,
  arguments: NAME,
  flags: FLAGS,
  exit: EXIT,
} as const satisfies CommandDescription

export const CANARY_ABORT_COMMAND = {
  name: 'canary abort',
  summary: 'all requests to the stable version',
  usage: ['NAME [flags]'],
  about: `Ends a Canary's run: all requests go to the stable version. ${ASKED} ${WHERE}`,
  arguments: NAME,
  flags: FLAGS,
  exit: EXIT,
} as const satisfies CommandDescription

/** `weft canary`. */
export const CANARY_COMMAND = {
  name: 'canary',
  summary: 'look at Canaries, and decide for them',
  usage: ['COMMAND NAME [flags]'],
  about: `Looks at Canaries (docs/canary.md), and says to one what a person decides. ${WHERE}`,
  flags: {},
  subcommands: [
    CANARY_STATUS_COMMAND,
    CANARY_PROMOTE_COMMAND,
    CANARY_PAUSE_COMMAND,
    CANARY_RESUME_COMMAND,
    CANARY_ABORT_COMMAND,
  ],
  notes: ['`weft canary COMMAND --help` lists the flags of one.'],
  exit: EXIT,
} as const satisfies CommandDescription

export type CanaryCommand = (typeof CANARY_COMMAND.subcommands)[number]
