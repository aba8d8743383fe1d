import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { WeftError } from '../../core/errors.ts'
import type { PodStatus } from '../../local/control/status.ts'
import type { LocalCluster } from '../../local/cluster.ts'
import type { HonestReport } from './verdict.ts'

const CLIENT = 'shop/client'
const CALM_MS = 750
/** Sidecars have come back to a control plane, and its code is compiled. */
const SETTLE_MS = 3000
const ATTACK_MS = 45_000

/** A container: `namespace/deployment`, and its name in the pod. */
export interface Attacked {
  readonly pod: string
  readonly container: string
}

/** What the application tells, see app/server.ts. */
interface Seen {
  /** Port, path and name of the field, of each request whose forged identity was read. */
  readonly forged: readonly string[]
  /** What came and was no HTTP, by port. */
  readonly malformed: Readonly<Record<number, number>>
}

/** A running mesh with its attackers, see manifests/. */
export class AttackBed {
  readonly #cluster: LocalCluster
  readonly #progress: (line: string) => void

  constructor(cluster: LocalCluster, progress: (line: string) => void) {
    this.#cluster = cluster
    this.#progress = progress
  }

  /** A pod by `namespace/name` or by the Deployment it is of. */
  async pod(reference: string): Promise<PodStatus> {
    const { pods } = await this.#cluster.status()
    const found = pods.find(
      (pod) => reference === `${pod.namespace}/${pod.name}` || reference === `${pod.namespace}/${pod.owner}`,
    )
    if (!found) throw new WeftError('attack.no_pod', `no pod is ${reference}`)
    return found
  }

  /** Runs app/attack.ts in a pod; `more` is what this attack needs besides. Gives the object that it prints. */
  async from(
    pod: string,
    name: string,
    target: string,
    count = 1,
    more: object = {},
  ): Promise<Record<string, unknown>> {
    const argv = ['node', 'attack.ts', name, target, String(count), JSON.stringify(more)]
    const { code, stdout, stderr } = await this.#cluster.exec(pod, argv, { timeoutMs: ATTACK_MS })
    if (code !== 0)
      throw new WeftError('attack.failed', `${name} from ${pod} ended with ${code}: ${stderr.trim()}`)
    this.#progress(`  ${name} from ${pod}: ${stdout.trim().slice(0, 150)}`)
    return JSON.parse(stdout) as Record<string, unknown>
  }

  /** GET from the honest caller's pod: the status and the text. `headers` go with it. */
  async get(
    url: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; text: string }> {
    const script = `fetch(process.argv[1], { headers: JSON.parse(process.argv[2]) }).then(async (answer) =>
      console.log(JSON.stringify({ status: answer.status, text: await answer.text() })))`
    const argv = ['node', '-e', script, url, JSON.stringify(headers)]
    const { stdout } = await this.#cluster.exec(CLIENT, argv, { timeoutMs: ATTACK_MS })
    return JSON.parse(stdout) as { status: number; text: string }
  }

  /** What the application has seen, asked from its own pod. */
  async seen(): Promise<Seen> {
    const script = `fetch('http://127.0.0.1:8080/seen').then((answer) => answer.text()).then(console.log)`
    const server = await this.pod('shop/server')
    const { stdout } = await this.#cluster.exec(
      `${server.namespace}/${server.name}`,
      ['node', '-e', script],
      {
        timeoutMs: ATTACK_MS,
      },
    )
    return JSON.parse(stdout) as Seen
  }

  /** Puts a manifest beside the others; the mesh follows it. */
  async put(file: string, text: string): Promise<void> {
    await writeFile(join(this.#cluster.manifests[0] ?? '', file), text)
  }

  /** Runs `during` while the honest caller goes on; `pulse` is a page of what is attacked, see app/honest.ts. */
  async honest(pulse: string, during: () => Promise<void>): Promise<HonestReport> {
    const stdin = new PassThrough()
    let output = ''
    let heard = () => {}
    const honest = this.#cluster.execStreams(
      { pod: CLIENT, argv: ['node', 'honest.ts', pulse], timeoutMs: 4 * ATTACK_MS },
      {
        stdin,
        stdout: (chunk) => {
          output += chunk.toString('utf8')
          heard()
          return true
        },
        stderr: () => true,
      },
    )
    const begun = new Promise<void>((resolve) => {
      heard = () => {
        if (output.includes('begun')) resolve()
      }
    })
    await Promise.race([begun, honest])
    await new Promise((resolve) => setTimeout(resolve, CALM_MS))
    stdin.write('attack\n')
    try {
      await during()
    } finally {
      stdin.end()
    }
    await honest
    const [report] = output.split('\n').filter((line) => line.startsWith('{'))
    if (report === undefined)
      throw new WeftError('attack.no_report', 'the honest caller did not come to its end')
    return JSON.parse(report) as HonestReport
  }

  /** Starts what is attacked anew: its peak is then that of this attack, and what the one before left is no excuse. */
  async renew(attacked: Attacked): Promise<void> {
    const { name, namespace } = await this.pod(attacked.pod)
    const restarts = async () => {
      const { ready, containers } = await this.pod(attacked.pod)
      return { ready, count: containers.reduce((sum, one) => sum + one.restarts, 0) }
    }
    const { count } = await restarts()
    await this.#cluster.restart(`${namespace}/${name}`, { container: attacked.container })
    for (;;) {
      const now = await restarts()
      if (now.ready && now.count > count) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  }

  /** Resident memory in MiB. Source: proc(5), VmRSS and VmHWM of status. */
  async memory(attacked: Attacked): Promise<{ readonly now: number; readonly peak: number }> {
    const pod = await this.pod(attacked.pod)
    const state = pod.containers.find((container) => container.name === attacked.container)?.state
    if (state?.type !== 'running')
      throw new WeftError('attack.not_running', `${attacked.container} does not run`)
    const { stdout } = await this.#cluster.exec(CLIENT, ['cat', `/proc/${state.pid}/status`], {
      timeoutMs: ATTACK_MS,
    })
    const mib = (field: string) =>
      Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(stdout)?.[1]) / 1024)
    return { now: mib('VmRSS'), peak: mib('VmHWM') }
  }
}
