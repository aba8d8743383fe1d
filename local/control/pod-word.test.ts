import t from 'tap'
import type { ContainerState, ContainerStatus } from '../pod/pod-state.ts'
import { podTroubles, podWord } from './pod-word.ts'
import type { PodStatus } from './status.ts'

const RUNNING: ContainerState = { type: 'running', startedAt: 0, pid: 1 }
const PENDING: ContainerState = { type: 'waiting', reason: 'PodInitializing' }
const CRASHED: ContainerState = {
  type: 'waiting',
  reason: 'CrashLoopBackOff',
  message: 'the last run: Error, exit code 3',
}

function ended(exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): ContainerState {
  return { type: 'terminated', exitCode, reason, finishedAt: 0 }
}

function container(state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  const runs = state.type === 'running'
  return {
    name: 'web',
    kind: 'app',
    image: 'shop/web',
    state,
    started: runs,
    ready: runs,
    restarts: 0,
    ...more,
  }
}

function pod(containers: readonly ContainerStatus[], more: Partial<PodStatus> = {}): PodStatus {
  return {
    namespace: 'shop',
    name: 'web',
    owner: undefined,
    node: undefined,
    serviceAccount: 'default',
    labels: {},
    phase: 'Running',
    ready: false,
    terminating: false,
    ips: [],
    device: undefined,
    createdAt: 0,
    reason: undefined,
    problem: undefined,
    containers,
    events: [],
    ...more,
  }
}

t.test('the word of kubectl get pods', async (t) => {
  const init = (state: ContainerState) => container(state, { kind: 'init' })
  const sidecar = (state: ContainerState, started = true) => container(state, { kind: 'sidecar', started })
  const words: [string, PodStatus][] = [
    ['Running', pod([container(RUNNING)])],
    ['Running', pod([container(RUNNING, { ready: false, unhealthy: 'no answer' })])],
    ['Pending', pod([], { phase: 'Pending' })],
    ['Terminating', pod([container(CRASHED)], { terminating: true })],
    ['CrashLoopBackOff', pod([container(RUNNING), container(CRASHED)])],
    ['Completed', pod([container(ended(0))], { phase: 'Succeeded' })],
    ['Completed', pod([sidecar(ended(143)), container(ended(0))], { phase: 'Succeeded' })],
    ['Error', pod([container(ended(3))], { phase: 'Failed' })],
    ['OOMKilled', pod([container(ended(137, 'OOMKilled'))], { phase: 'Failed' })],
    ['Running', pod([container(ended(0)), container(RUNNING)])],
    ['Init:0/2', pod([init(RUNNING), init(PENDING), container(PENDING)], { phase: 'Pending' })],
    ['Init:1/2', pod([init(ended(0)), init(PENDING), container(PENDING)], { phase: 'Pending' })],
    ['Init:Error', pod([init(ended(1)), container(PENDING)], { phase: 'Failed' })],
    ['Init:CrashLoopBackOff', pod([init(CRASHED), container(PENDING)], { phase: 'Pending' })],
    ['Init:0/1', pod([sidecar(RUNNING, false), container(PENDING)], { phase: 'Pending' })],
    ['PodInitializing', pod([init(ended(0)), container(PENDING)], { phase: 'Pending' })],
    ['FailedCreate', pod([], { phase: 'Pending', reason: 'FailedCreate', problem: 'refused' })],
    ['ContainerCreating', pod([container(PENDING)], { reason: 'FailedMount', problem: 'not there' })],
  ]
  for (const [word, status] of words) t.equal(podWord(status), word)
})

t.test('why containers ended or are not healthy; what a pod waits for is told as a problem', async (t) => {
  t.strictSame(podTroubles(pod([container(RUNNING), container(ended(0)), container(PENDING)])), [])
  t.strictSame(
    podTroubles(
      pod(
        [
          container(CRASHED),
          container(ended(3), { name: 'other' }),
          container(RUNNING, { name: 'probed', ready: false, unhealthy: 'the readiness probe failed: 503' }),
        ],
        { reason: 'FailedMount', problem: 'ConfigMap `web` does not exist' },
      ),
    ),
    [
      'shop/web, container other: Error: exit code 3',
      'shop/web, container probed: Unhealthy: the readiness probe failed: 503',
    ],
  )
})
