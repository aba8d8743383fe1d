import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricDescription, MetricFamily } from '../../../core/metrics/family.ts'
import { Counter, gauge, Histogram } from '../../../core/metrics/instruments.ts'
import { DELAY_METRICS, PROCESS_METRICS, processFamilies } from '../../../core/metrics/process-families.ts'
import { CANARY_METRICS, canaryFamilies } from '../../canary/metrics.ts'
import type { MeshOverview } from '../rest/overview.ts'

/** From a change of the mesh to what a stream is sent of it: it waits 10 ms at least, for what comes with it. Seconds. */
const PUSH_BOUNDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const
/** Of signing: the mesh's own CA takes a millisecond, another system hundreds. Seconds. */
const SIGN_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

const PUSH = {
  name: 'weft.control_plane.push.duration',
  unit: 's',
  type: 'histogram',
  help: 'From a change of the mesh to what a stream is sent of it, for each stream.',
} as const
const PUSH_WAITING = {
  name: 'weft.control_plane.push.waiting',
  unit: '{stream}',
  type: 'gauge',
  help: 'Streams that are still to be told of a change.',
} as const
const STREAMS = {
  name: 'weft.control_plane.streams',
  unit: '{stream}',
  type: 'gauge',
  help: 'Open streams of discovery, by `weft_state`: `current`, `behind` (not all that there is was acknowledged), `rejecting` (it refused its last).',
} as const
const NACKS = {
  name: 'weft.control_plane.rejections',
  unit: '{response}',
  type: 'counter',
  help: 'Configuration that a client refused (NACK), by `weft_resource`.',
} as const
const SIGNING = {
  name: 'weft.control_plane.signing.duration',
  unit: 's',
  type: 'histogram',
  help: 'Certificates that were asked for, by `weft_outcome`: `OK`, or the gRPC status of the refusal.',
} as const
const REFUSED = {
  name: 'weft.control_plane.calls.refused',
  unit: '{call}',
  type: 'counter',
  help: 'Calls that were not let in, by `rpc_response_status_code`: a token that is none, too much at once.',
} as const
const STORE_SIZE = {
  name: 'weft.control_plane.telemetry.size',
  unit: 'By',
  type: 'gauge',
  help: 'What the stores of telemetry take, estimated, by `weft_store`.',
} as const
const STORE_ENTRIES = {
  name: 'weft.control_plane.telemetry.entries',
  unit: '{entry}',
  type: 'gauge',
  help: 'What they hold: traces, series, refusals, calls that were seen.',
} as const
const STORE_DROPPED = {
  name: 'weft.control_plane.telemetry.dropped',
  unit: '{entry}',
  type: 'counter',
  help: 'What sidecars sent and no store took: malformed, or more than there is room for.',
} as const
const VERSION = {
  name: 'weft.control_plane.mesh.version',
  unit: '',
  type: 'gauge',
  help: 'Grows with every change of the mesh.',
} as const
const WORKLOADS = {
  name: 'weft.control_plane.workloads',
  unit: '{pod}',
  type: 'gauge',
  help: 'Pods with a sidecar that the mesh knows.',
} as const
const SERVICES = {
  name: 'weft.control_plane.services',
  unit: '{service}',
  type: 'gauge',
  help: 'Services that the mesh knows.',
} as const
const PROBLEMS = {
  name: 'weft.control_plane.problems',
  unit: '{problem}',
  type: 'gauge',
  help: 'What is wrong with the configuration, by `weft_severity`; `weft problems` says what.',
} as const
const TROUBLE = {
  name: 'weft.control_plane.issuer.trouble',
  unit: '',
  type: 'gauge',
  help: '1 while nobody signs certificates.',
} as const

/** All that the control plane tells. */
export const CONTROL_PLANE_METRICS: readonly MetricDescription[] = [
  PUSH,
  PUSH_WAITING,
  STREAMS,
  NACKS,
  SIGNING,
  REFUSED,
  STORE_SIZE,
  STORE_ENTRIES,
  STORE_DROPPED,
  VERSION,
  WORKLOADS,
  SERVICES,
  PROBLEMS,
  TROUBLE,
  ...CANARY_METRICS,
  ...PROCESS_METRICS,
  ...DELAY_METRICS,
]

/** What a store of telemetry holds. */
export interface StoreState {
  readonly name: string
  readonly bytes: number
  readonly entries: number
  /** Since the process began. */
  readonly dropped: number
}

export interface MetricSources {
  readonly mesh: MeshOverview
  readonly stores: () => readonly StoreState[]
  /** Streams that are still to be told of a change. */
  readonly waiting: () => number
}

/** What a control plane counts, and where it is when somebody asks. */
export class ControlPlaneMetrics {
  readonly #push = new Histogram(PUSH, PUSH_BOUNDS)
  readonly #nacks = new Counter(NACKS, ['weft.resource'])
  readonly #signing = new Histogram(SIGNING, SIGN_BOUNDS, ['weft.outcome'])
  readonly #refused = new Counter(REFUSED, ['rpc.response.status_code'])
  readonly #delays = monitorEventLoopDelay({ resolution: 20 })
  readonly #since = Date.now()

  constructor() {
    this.#delays.enable()
  }

  /** A stream was sent what changed so long ago. Milliseconds. */
  pushed(ms: number): void {
    this.#push.observe(ms / 1000)
  }

  /** A client refused what it was sent of this kind of resource. */
  rejected(resource: string): void {
    this.#nacks.add([resource])
  }

  /** A certificate was asked for; `outcome` is the status of the call. Milliseconds. */
  signed(outcome: string, ms: number): void {
    this.#signing.observe(ms / 1000, [outcome])
  }

  /** A call was not let in, with this status. */
  refused(status: string): void {
    this.#refused.add([status])
  }

  /** No more is measured. */
  close(): void {
    this.#delays.disable()
  }

  families({ mesh, stores, waiting }: MetricSources): readonly MetricFamily[] {
    const version = mesh.version()
    const states = { current: 0, behind: 0, rejecting: 0 }
    for (const { rejected, version: of } of mesh.proxies())
      states[rejected !== '' ? 'rejecting' : of < version ? 'behind' : 'current']++
    const problems = mesh.problems(false)
    const held = stores()
    const bySeverity = (severity: string): number =>
      problems.filter((one) => one.severity === severity).length
    const since = this.#since
    return [
      this.#push.family(),
      gauge(PUSH_WAITING, [[waiting()]]),
      gauge(
        STREAMS,
        Object.entries(states).map(([state, count]) => [count, [['weft.state', state]]]),
      ),
      this.#nacks.family(),
      this.#signing.family(),
      this.#refused.family(),
      gauge(
        STORE_SIZE,
        held.map(({ name, bytes }) => [bytes, [['weft.store', name]]]),
      ),
      gauge(
        STORE_ENTRIES,
        held.map(({ name, entries }) => [entries, [['weft.store', name]]]),
      ),
      {
        ...STORE_DROPPED,
        points: held.map(({ name, dropped }) => ({
          attributes: [['weft.store', name] as const],
          value: dropped,
          since,
        })),
      },
      gauge(VERSION, [[version]]),
      gauge(WORKLOADS, [[mesh.workloads()]]),
      gauge(SERVICES, [[mesh.services().length]]),
      gauge(
        PROBLEMS,
        ['error', 'warning'].map((severity) => [bySeverity(severity), [['weft.severity', severity]]]),
      ),
      gauge(TROUBLE, [[mesh.issuer()?.trouble ? 1 : 0]]),
      ...canaryFamilies(mesh.canaries(), since),
      ...processFamilies(this.#delays),
    ]
  }
}
