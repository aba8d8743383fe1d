import { describeError, WeftError } from '../../core/errors.ts'
import { HUNG, within } from '../programs/within.ts'

/** For a step; minutes. None takes three. */
const STEP_MINUTES = 10

/** What the scenario needs of a running mesh, on one machine or on Kubernetes. */
export interface MeshCluster {
  /** Pods by namespace and label `app`, ready ones only. */
  pods(namespace: string, app: string): Promise<PodInfo[]>
  /** Runs a command in a pod, as its application would. Resolves with its output, whatever its exit code. */
  exec(pod: PodInfo, argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>
  deletePod(pod: PodInfo): Promise<void>
  /** Everything on the wires between pods, as tcpdump prints it, while `during` runs. */
  capture(during: () => Promise<void>): Promise<Buffer>
  /** GET of the control plane's REST interface. */
  api(path: string): Promise<unknown>
  /** Edits one of e2e/demo/manifests as the cluster has it; what it gives puts it back. */
  change(file: string, edit: (text: string) => string): Promise<() => Promise<void>>
}

/** Of a running one-machine mesh. */
export interface DemoCluster extends MeshCluster {
  /** Runs `weft` on this mesh. Resolves with what it printed, whatever its exit code. */
  weft(...argv: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>
  /** Stops a container with SIGKILL; it stays down until `release`. */
  hold(pod: PodInfo, container: string): Promise<void>
  release(pod: PodInfo, container: string): Promise<void>
  /** SIGKILL; restarted at once. */
  kill(pod: PodInfo, container: string): Promise<void>
  /** Everything on the wire between the nodes, as tcpdump prints it, while `during` runs. */
  captureWire(during: () => Promise<void>): Promise<Buffer>
  /** `vxlan` or `routed`; null of one node. */
  network(): Promise<string | null>
  /** Node names, and which node a pod is on. */
  nodeOf(pod: PodInfo): Promise<string>
}

export interface PodInfo {
  readonly namespace: string
  readonly name: string
  readonly address: string
  readonly containers: readonly string[]
}

export interface StepResult {
  readonly name: string
  readonly ok: boolean
  readonly expected: string
  readonly observed: string
}

/** One step of the scenario: what must be seen, and what was. */
export interface Step<Cluster = MeshCluster> {
  readonly name: string
  readonly expected: string
  run(cluster: Cluster): Promise<{ ok: boolean; observed: string }>
}

/** What e2e/demo/app/load.ts prints. */
export interface LoadReport {
  readonly sent: number
  readonly failed: number
  readonly statuses: Readonly<Record<string, number>>
  readonly versions: Readonly<Record<string, number>>
  /** How many of those that failed failed how: `503 by the application`, `connection refused`. */
  readonly failures: Readonly<Record<string, number>>
  readonly samples: readonly { status: number; proxyStatus?: string; text: string }[]
  readonly seconds: number
  /** When a request was sent, the version that answered, and its status. */
  readonly timeline: readonly (readonly [at: number, version: string, status: number])[]
}

/** `3 of 200 failed: 2 got 503 by the application, 1 no answer within 15 s`, of all reports together. */
export function failuresOf(...reports: readonly Pick<LoadReport, 'sent' | 'failures'>[]): string {
  const sent = reports.reduce((sum, report) => sum + report.sent, 0)
  const counts = new Map<string, number>()
  for (const { failures } of reports)
    for (const [failure, count] of Object.entries(failures))
      counts.set(failure, (counts.get(failure) ?? 0) + count)
  const failed = [...counts.values()].reduce((sum, count) => sum + count, 0)
  if (failed === 0) return `0 of ${sent} failed`
  const each = [...counts].map(
    ([failure, count]) => `${count} ${/^\d/.test(failure) ? 'got ' : ''}${failure}`,
  )
  return `${failed} of ${sent} failed: ${each.join(', ')}`
}

/** Sends requests from a pod and reports what came back. */
export async function load(
  cluster: MeshCluster,
  pod: PodInfo,
  ...options: readonly string[]
): Promise<LoadReport> {
  const { code, stdout, stderr } = await cluster.exec(pod, ['node', 'load.ts', ...options])
  if (code !== 0) throw new Error(`the load in ${pod.name} ended with ${code}: ${stderr.trim()}`)
  return JSON.parse(stdout) as LoadReport
}

export async function onePod(cluster: MeshCluster, namespace: string, app: string): Promise<PodInfo> {
  const [pod] = await cluster.pods(namespace, app)
  if (!pod) throw new Error(`no pod of ${app} in ${namespace} is ready`)
  return pod
}

/** Asks again until `check` gives something; fails after `seconds` with the last answer. */
export async function eventually<T>(
  seconds: number,
  what: string,
  check: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await check()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * Runs the steps in order; a step that throws has failed, and the next ones are still tried. Not so after one that does not
 * end within so many minutes: it may be at work on the cluster yet.
 */
export async function play<Cluster>(
  steps: readonly Step<Cluster>[],
  cluster: Cluster,
  onStep: (name: string) => void,
  stepMinutes = STEP_MINUTES,
): Promise<StepResult[]> {
  const results: StepResult[] = []
  let hung = ''
  for (const step of steps) {
    const { name, expected } = step
    if (hung !== '') {
      results.push({ name, ok: false, expected, observed: `not tried: ${hung} hangs` })
      continue
    }
    onStep(name)
    try {
      const { ok, observed } = await within(stepMinutes, name, step.run(cluster))
      results.push({ name, ok, expected, observed })
    } catch (error) {
      if (error instanceof WeftError && error.code === HUNG) hung = name
      results.push({ name, ok: false, expected, observed: describeError(error) })
    }
  }
  return results
}
