import type { CommandDescription } from '../core/command-line/description.ts'

/** Which cluster of this machine. */
export const CLUSTER_FLAGS = {
  name: { value: 'NAME', default: 'weft', help: "the cluster's name; several run side by side" },
  'state-dir': {
    value: 'DIR',
    help: 'where logs and generated objects are while it runs',
    otherwise: 'below the directory for temporary files',
  },
} as const satisfies CommandDescription['flags']

const JSON_FLAG = { help: 'as one JSON object on standard output' } as const
const CONTAINER = { short: 'c', value: 'NAME', help: 'of the pod' } as const
const ONE_CONTAINER = { container: { ...CONTAINER, otherwise: 'its first' } } as const
const CONTAINERS = { container: { ...CONTAINER, otherwise: 'all but those that initialize it' } } as const

const POD = [{ name: 'POD' }] as const
const POD_NAMES = 'POD is a name, namespace/name, or the name of a Deployment with one pod.'
const EXIT = '0 done, 1 it failed, 2 wrong flags'

export const MANIFESTS = {
  short: 'f',
  value: 'PATH',
  many: true,
  help: 'manifests: a directory, a kustomize folder (needs kubectl or kustomize), a file, or - for stdin; may be given again',
} as const

/** How many nodes, and what is between them. */
export const NODE_FLAGS = {
  nodes: {
    value: 'N',
    default: '1',
    help: 'each a network namespace of its own with pod addresses of its own, at most 16',
  },
  network: {
    value: 'MODE',
    choices: ['vxlan', 'routed'],
    help: 'between nodes: an overlay, or pod addresses as they are on the wire',
    otherwise: 'vxlan, with more nodes than one',
  },
  zones: {
    value: 'A,B',
    help: 'of the nodes in turn; the label topology.kubernetes.io/zone, which locality looks at',
    otherwise: 'zone-a, zone-b and so on, with more nodes than one',
  },
} as const satisfies CommandDescription['flags']

export const UP_COMMAND = {
  name: 'local up',
  summary: 'start a cluster from manifests, which are watched for changes',
  usage: ['-f PATH [flags]'],
  about:
    'Starts a cluster from the manifests at PATH, watched for changes, with the mesh: control plane, injector, admission of ' +
    'each pod, sidecars. It ends with Ctrl-C, with `weft local down`, or with the process that started it.',
  flags: {
    file: MANIFESTS,
    image: {
      value: 'NAME=FOLDER',
      many: true,
      help: 'the folder that an image name stands for, mounted at /app; may be given again',
    },
    expose: {
      value: 'SVC.NS:PORT[=HOSTPORT]',
      many: true,
      help: 'a Service on 127.0.0.1 of this machine; may be given again',
    },
    collector: {
      value: 'URL',
      help: 'where spans and metrics go on to, by OTLP over gRPC, e.g. http://collector.tracing:4317',
      otherwise: 'nowhere',
    },
    ...NODE_FLAGS,
    'no-mesh': { help: 'without control plane and injector' },
    ...CLUSTER_FLAGS,
  },
  exit: '0 it was ended, 1 it failed, 2 wrong flags',
  examples: [
    {
      command: 'weft local up -f ./manifests --image shop/web=./web --expose web.shop:80=8080',
      does: 'A folder as an image, one Service at http://127.0.0.1:8080',
    },
  ],
} as const satisfies CommandDescription

export const VALIDATE_COMMAND = {
  name: 'local validate',
  summary: 'say what is wrong with manifests, and start nothing',
  usage: ['-f PATH [flags]'],
  about:
    'Checks manifests as `weft local up` would take them, and says what is wrong with place, object, field and remedy ' +
    '(docs/local.md). `weft lint` finds the same by the same checks, without what is so on one machine only, and besides ' +
    'what is odd in objects that are well each by itself (docs/checks.md).',
  flags: { file: MANIFESTS, json: JSON_FLAG },
  exit: '0 there is no error, 1 there is one, 2 wrong flags',
  examples: [{ command: 'weft local validate -f ./manifests', does: 'In CI, or before anything starts' }],
} as const satisfies CommandDescription

export const STATUS_COMMAND = {
  name: 'local status',
  summary: 'pods, services, addresses, problems and messages: which pods do not get on, and why',
  usage: ['[flags]'],
  about:
    'Lists the pods and Services of the cluster, where the dashboard and exposed Services are, what is wrong, and the last ' +
    'messages.',
  flags: { json: JSON_FLAG, ...CLUSTER_FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const NODE_COMMAND = {
  name: 'local node',
  summary: 'add, drain, lose or bring back a node of a cluster with several',
  usage: ['ACTION [NODE] [flags]'],
  about:
    'Does something to one of the nodes that `weft local up --nodes` made. One that is stopped says nothing to anybody: after ' +
    '2 s it is NotReady, its pods leave the endpoints and are made elsewhere.',
  arguments: [
    {
      name: 'ACTION',
      choices: {
        add: 'makes a node, NODE or the next number, and joins it',
        drain: 'takes no new pods, and ends those that are there in order; returns once they have gone',
        stop: 'cuts it off, as a pulled cable does',
        start: 'has it back, after stop or drain',
      },
    },
    { name: 'NODE', optional: true },
  ],
  flags: { zone: { value: 'ZONE', help: 'of a node that is added', otherwise: 'none' }, ...CLUSTER_FLAGS },
  exit: EXIT,
  examples: [
    {
      command: 'weft local node stop node-2',
      does: 'Loses a node; weft local status shows what comes of it',
    },
  ],
} as const satisfies CommandDescription

export const DESCRIBE_COMMAND = {
  name: 'local describe',
  summary: 'one pod with its containers and its events',
  usage: ['POD [flags]'],
  about: `Prints a pod with its containers, why one of them does not run, and what happened to it. ${POD_NAMES}`,
  arguments: POD,
  flags: { json: JSON_FLAG, ...CLUSTER_FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const EVENTS_COMMAND = {
  name: 'local events',
  summary: 'what happened to pods and to what makes them',
  usage: ['[flags]'],
  about: 'Lists the last events of pods, Deployments and the like.',
  flags: { json: JSON_FLAG, ...CLUSTER_FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const LOGS_COMMAND = {
  name: 'local logs',
  summary: 'the log of a container',
  usage: ['POD [flags]'],
  about: `Prints what a container said. ${POD_NAMES}`,
  arguments: POD,
  flags: {
    follow: { short: 'f', help: 'go on until the container ends' },
    tail: { value: 'N', help: 'only the last lines', otherwise: 'all' },
    previous: { short: 'p', help: 'of the run before' },
    ...ONE_CONTAINER,
    ...CLUSTER_FLAGS,
  },
  exit: EXIT,
} as const satisfies CommandDescription

export const EXEC_COMMAND = {
  name: 'local exec',
  summary: "run a command beside a container: its input, output and exit code are the command's",
  usage: ['POD [flags] -- COMMAND'],
  about: `Runs a command beside a container, with its network, files and user. Input, output and exit code are the command's, as it goes on. ${POD_NAMES}`,
  arguments: POD,
  rest: 'COMMAND',
  flags: {
    timeout: {
      value: 'TIME',
      help: '90, 90s, 2m or 1h, at most 24h; then the exit code is 124',
      otherwise: 'no limit',
    },
    tty: { short: 't', help: 'in a terminal' },
    stdin: { short: 'i', help: 'always so; taken as kubectl takes it' },
    ...ONE_CONTAINER,
    ...CLUSTER_FLAGS,
  },
  exit: 'that of COMMAND, 124 after --timeout, 1 it could not be run, 2 wrong flags',
  examples: [
    {
      command: 'weft local exec web -- node -e "console.log(process.version)"',
      does: 'In the pod of Deployment web',
    },
  ],
} as const satisfies CommandDescription

export const RESTART_COMMAND = {
  name: 'local restart',
  summary: 'end containers in order and start them again',
  usage: ['POD [flags]'],
  about: `Ends the containers of a pod in order, and starts them again. ${POD_NAMES}`,
  arguments: POD,
  flags: { ...CONTAINERS, ...CLUSTER_FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const KILL_COMMAND = {
  name: 'local kill',
  summary: 'send a signal (SIGKILL) to containers',
  usage: ['POD [flags]'],
  about: `Sends a signal to the containers of a pod, and names those that ran. ${POD_NAMES}`,
  arguments: POD,
  flags: {
    signal: { value: 'NAME', help: 'of the signal', otherwise: 'SIGKILL' },
    ...CONTAINERS,
    ...CLUSTER_FLAGS,
  },
  exit: EXIT,
} as const satisfies CommandDescription

export const HOLD_COMMAND = {
  name: 'local hold',
  summary: 'keep containers down once they ended',
  usage: ['POD [flags]'],
  about: `Keeps the containers of a pod down once they ended, until \`weft local release\`. ${POD_NAMES}`,
  arguments: POD,
  flags: { ...CONTAINERS, ...CLUSTER_FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const RELEASE_COMMAND = {
  name: 'local release',
  summary: 'let containers start again that are held',
  usage: ['POD [flags]'],
  about: `Lets the containers of a pod start again that \`weft local hold\` keeps down. ${POD_NAMES}`,
  arguments: POD,
  flags: { ...CONTAINERS, ...CLUSTER_FLAGS },
  exit: EXIT,
} as const satisfies CommandDescription

export const DELETE_COMMAND = {
  name: 'local delete',
  summary: 'end a pod; its Deployment makes another',
  usage: ['POD [flags]'],
  about: `Ends a pod in order; its Deployment makes another. ${POD_NAMES}`,
  arguments: POD,
  flags: CLUSTER_FLAGS,
  exit: EXIT,
} as const satisfies CommandDescription

export const DOWN_COMMAND = {
  name: 'local down',
  summary: 'end the cluster',
  usage: ['[flags]'],
  about: 'Ends every pod in order, then the cluster; returns once nothing of it is left.',
  flags: CLUSTER_FLAGS,
  exit: EXIT,
} as const satisfies CommandDescription

/** `weft local`. */
export const LOCAL_COMMAND = {
  name: 'local',
  summary: 'run a cluster with the mesh on this machine',
  usage: ['COMMAND [flags]'],
  about:
    'Runs ordinary Kubernetes manifests on this machine, without containers: a pod is a network namespace, its containers ' +
    'are processes in it. Everything goes when the cluster ends: by Ctrl-C, by `down`, or with the process that started it. ' +
    'Linux only; as root, or as another user with newuidmap and user namespaces.\n\n' +
    POD_NAMES,
  flags: {},
  subcommands: [
    UP_COMMAND,
    VALIDATE_COMMAND,
    STATUS_COMMAND,
    NODE_COMMAND,
    DESCRIBE_COMMAND,
    EVENTS_COMMAND,
    LOGS_COMMAND,
    EXEC_COMMAND,
    RESTART_COMMAND,
    KILL_COMMAND,
    HOLD_COMMAND,
    RELEASE_COMMAND,
    DELETE_COMMAND,
    DOWN_COMMAND,
  ],
  notes: ['`weft local COMMAND --help` lists the flags of one.'],
  exit: EXIT,
} as const satisfies CommandDescription

export type LocalCommand = (typeof LOCAL_COMMAND.subcommands)[number]
