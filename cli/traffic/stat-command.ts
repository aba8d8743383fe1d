import type { CommandDescription } from '../../core/command-line/description.ts'
import { POD_NAMESPACE_FLAG } from '../cluster/flags.ts'
import { MESH_FLAGS, WHICH_MESH } from '../mesh/mesh-flags.ts'
import { RANGE_FLAGS } from './time-range.ts'

/** Of tables of what was seen. */
export const TABLE_FLAGS = {
  namespace: { ...POD_NAMESPACE_FLAG, help: 'only this one', otherwise: 'all' },
  'all-namespaces': { short: 'A', help: 'all of them; taken as kubectl takes it' },
  ...RANGE_FLAGS,
  watch: { short: 'w', help: 'again every two seconds, until Ctrl-C; with --json an object a line' },
  ...MESH_FLAGS,
} as const

const COVERED =
  'Of several control planes one answers for all; replicas that it did not hear are named on standard error, and what only they know is missing.'

/** `weft stat`. */
export const STAT_COMMAND = {
  name: 'stat',
  summary: 'requests a second, success, durations and mutual TLS of services, workloads or routes',
  usage: ['[services | workloads | routes] [NAME] [flags]'],
  about:
    'Prints what was seen of each service: by its callers where any was, else by its own sidecars. The worst come first. NAME is ' +
    `catalog or catalog.shop. ${WHICH_MESH}`,
  arguments: [
    {
      name: 'WHAT',
      optional: true,
      choices: {
        services: 'Services, as those who call them see them (without a word it is these)',
        workloads: 'pods by the name that they go by in telemetry',
        routes: 'rules of routes with their backends, as `weft routes`',
      },
    },
    { name: 'NAME', optional: true },
  ],
  flags: TABLE_FLAGS,
  notes: [
    COVERED,
    'With --json: the graph of the range with its nodes as core/api has them: {coverage, from, to, nodes: [{id, name, namespace, kind, traffic: {rate, failedRate, ' +
      'successRate, p50Ms, p95Ms, p99Ms, transport}, health, reasons, endpoints}]}; of routes as `weft routes` has it.',
  ],
  exit: '0 printed, 1 the mesh could not be asked or there is nothing of that name, 2 wrong flags',
  examples: [
    { command: 'weft stat -n shop --watch', does: 'The services of a namespace, live' },
    { command: 'weft stat workloads --from 2h --to 1h', does: 'An hour of the past' },
  ],
} as const satisfies CommandDescription

/** `weft edges`. */
export const EDGES_COMMAND = {
  name: 'edges',
  summary: 'who calls whom, how often, with what success, and whether by mutual TLS',
  usage: ['[flags]'],
  about: `Prints each pair of a caller and what it called. A caller without an identity of the mesh is "(outside)". ${WHICH_MESH}`,
  flags: TABLE_FLAGS,
  notes: [
    COVERED,
    'With --json: {coverage, from, to, edges: [{source, target, traffic, deniedRate, health}]}.',
  ],
  exit: '0 printed, 1 the mesh could not be asked, 2 wrong flags',
  examples: [{ command: 'weft edges -n shop --last 1h', does: 'Calls from and to a namespace, of an hour' }],
} as const satisfies CommandDescription

const { last: _last, from: _from, to: _to, ...ROUTE_FLAGS } = TABLE_FLAGS

/** `weft routes`. */
export const ROUTES_COMMAND = {
  name: 'routes',
  summary: 'rules of routes: what they match, how they are split, and how requests were',
  usage: ['[flags]'],
  about:
    'Prints each rule with its backends: the share that is configured, the share that was seen in the last seconds, success and ' +
    `the 95th percentile. Every control plane is asked and what they saw is added up. ${WHICH_MESH}`,
  flags: ROUTE_FLAGS,
  notes: [
    'With --json: {coverage, windowSeconds, routes: [{name, parent, consumer, matches, action, rate, backends: [{cluster, weight, percent, observedPercent, rate, successRate, p95Ms}]}]}.',
  ],
  exit: '0 printed, 1 the mesh could not be asked, 2 wrong flags',
} as const satisfies CommandDescription
