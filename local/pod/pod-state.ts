import type { PodSpec } from '../manifest/pod-spec.ts'
import type { PodFacts } from './field-ref.ts'

export type ContainerState =
  | { readonly type: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly type: 'running'; readonly startedAt: number; readonly pid: number }
  | ({ readonly type: 'terminated' } & Termination)

/** How one run of a container ended. */
export interface Termination {
  readonly exitCode: number
  /** `Completed`, `Error` or `OOMKilled`. */
  readonly reason: string
  readonly message?: string
  /** Milliseconds since 1970; undefined when it never started. */
  readonly startedAt?: number
  readonly finishedAt: number
}

export interface ContainerStatus {
  readonly name: string
  readonly kind: 'init' | 'sidecar' | 'app'
  readonly image: string
  readonly state: ContainerState
  readonly started: boolean
  readonly ready: boolean
  readonly restarts: number
  /** How the run before this one ended. */
  readonly last?: Termination
  /** Which probe fails and with what, for as long as it does. */
  readonly unhealthy?: string
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

/** A pod as the rest of the cluster sees it; replaced as a whole on every change. */
export interface PodState {
  readonly facts: PodFacts
  readonly spec: PodSpec
  readonly phase: PodPhase
  readonly ready: boolean
  readonly initialized: boolean
  readonly createdAt: number
  readonly deletedAt: number | undefined
  readonly containers: readonly ContainerStatus[]
}

/** A pod is ready when it runs, is not going away, and every container that stays is ready. */
export function podReady(
  phase: PodPhase,
  initialized: boolean,
  deleted: boolean,
  containers: readonly ContainerStatus[],
): boolean {
  if (phase !== 'Running' || !initialized || deleted) return false
  return containers.every((container) => container.kind === 'init' || container.ready)
}

/** Source: Kubernetes, Pod lifecycle: phases follow the app containers once the pod is initialised. */
export function podPhase(
  initialized: boolean,
  restartPolicy: PodSpec['restartPolicy'],
  containers: readonly ContainerStatus[],
): PodPhase {
  const exitCodes = (kind: ContainerStatus['kind']) =>
    containers.flatMap(({ kind: own, state }) =>
      own === kind && state.type === 'terminated' ? [state.exitCode] : [],
    )
  if (!initialized) {
    return restartPolicy === 'Never' && exitCodes('init').some((code) => code !== 0) ? 'Failed' : 'Pending'
  }
  const apps = containers.filter((container) => container.kind === 'app')
  const ended = exitCodes('app')
  if (ended.length === apps.length && restartPolicy !== 'Always') {
    if (ended.every((code) => code === 0)) return 'Succeeded'
    if (restartPolicy === 'Never') return 'Failed'
  }
  return apps.some(({ state, restarts }) => state.type !== 'waiting' || restarts > 0) ? 'Running' : 'Pending'
}

/** The Pod object (API v1) that others read: the admitted metadata and spec with a status. */
export function podObject(
  state: PodState,
  admitted: { metadata: object; spec: unknown },
  /** As the Deployment's controller would label it with. */
  templateHash: string | undefined,
): object {
  const { facts } = state
  const { labels } = admitted.metadata as { readonly labels?: object }
  const condition = (type: string, value: boolean) => ({ type, status: value ? 'True' : 'False' })
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...admitted.metadata,
      labels: { ...labels, ...(templateHash === undefined ? {} : { 'pod-template-hash': templateHash }) },
      name: facts.name,
      namespace: facts.namespace,
      uid: facts.uid,
      creationTimestamp: timestamp(state.createdAt),
      ...(state.deletedAt === undefined ? {} : { deletionTimestamp: timestamp(state.deletedAt) }),
    },
    spec: { ...(admitted.spec as object), serviceAccountName: facts.serviceAccount, nodeName: facts.node },
    status: {
      phase: state.phase,
      hostIP: facts.hostIp,
      ...(facts.ips[0] === undefined ? {} : { podIP: facts.ips[0], podIPs: facts.ips.map((ip) => ({ ip })) }),
      conditions: [
        condition('PodScheduled', true),
        condition('Initialized', state.initialized),
        condition(
          'ContainersReady',
          state.containers.every((one) => one.kind === 'init' || one.ready),
        ),
        condition('Ready', state.ready),
      ],
      initContainerStatuses: state.containers.filter((one) => one.kind !== 'app').map(containerObject),
      containerStatuses: state.containers.filter((one) => one.kind === 'app').map(containerObject),
    },
  }
}

function containerObject(status: ContainerStatus): object {
  const { state } = status
  return {
    name: status.name,
    image: status.image,
    started: status.started,
    ready: status.ready,
    restartCount: status.restarts,
    state:
      state.type === 'running'
        ? { running: { startedAt: timestamp(state.startedAt) } }
        : state.type === 'terminated'
          ? { terminated: terminationObject(state) }
          : {
              waiting: {
                reason: state.reason,
                ...(state.message === undefined ? {} : { message: state.message }),
              },
            },
    ...(status.last ? { lastState: { terminated: terminationObject(status.last) } } : {}),
  }
}

function terminationObject({ exitCode, reason, message, startedAt, finishedAt }: Termination): object {
  return {
    exitCode,
    reason,
    ...(message === undefined ? {} : { message }),
    ...(startedAt === undefined ? {} : { startedAt: timestamp(startedAt) }),
    finishedAt: timestamp(finishedAt),
  }
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}
