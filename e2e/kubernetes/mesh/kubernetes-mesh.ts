import { readFile } from 'node:fs/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Captures } from '../../../local/control/capture.ts'
import { runCommand } from '../../../local/node/run-command.ts'
import type { MeshCluster, PodInfo } from '../../demo/scenario.ts'
import { POD_NETWORK } from '../cluster/addresses.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'

export const DEMO_MANIFESTS = join(import.meta.dirname, '../../demo/manifests')
const EXEC_TIMEOUT_MS = 120_000
const CONTROL_PLANE = 'weft-control-plane'
const SYSTEM = 'weft-system'

/** What is read of a pod; the API server has more. */
interface Pod {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly deletionTimestamp?: string
  }
  readonly spec: {
    readonly initContainers?: readonly { readonly name: string }[]
    readonly containers: readonly { readonly name: string }[]
  }
  readonly status: {
    readonly podIP?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

/** A mesh on Kubernetes as the scenario's steps see it. */
export function kubernetesMesh(cluster: KubernetesCluster): MeshCluster {
  const apply = (text: string) => cluster.kubectl(['apply', '--filename', '-'], { stdin: text })
  const mesh: MeshCluster = {
    async pods(namespace, app) {
      return (await readyPods(cluster, namespace, `app=${app}`)).map(podInfo)
    },
    exec(pod, argv) {
      const container = pod.containers.filter((name) => !name.startsWith('weft-')).at(-1) ?? ''
      const args = ['exec', '--namespace', pod.namespace, pod.name, '--container', container, '--', ...argv]
      return runCommand(cluster.kubectlArgv(args), { timeoutMs: EXEC_TIMEOUT_MS })
    },
    async deletePod(pod) {
      await cluster.kubectl(['delete', 'pod', '--namespace', pod.namespace, pod.name, '--wait=false'])
    },
    async capture(during) {
      const directory = mkdtempSync(join(tmpdir(), 'weft-capture-'))
      try {
        const captures = new Captures(directory, cluster.networkArgv([]))
        const { id, file } = await captures.start('any', `tcp and net ${POD_NETWORK}`)
        try {
          await during()
        } finally {
          await captures.stop(id)
        }
        return await readFile(file)
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    },
    async api(path) {
      const replicas = await readyPods(cluster, SYSTEM, `app.kubernetes.io/name=${CONTROL_PLANE}`)
      const pods = `/api/v1/namespaces/${SYSTEM}/pods`
      const answers = await Promise.allSettled(
        replicas.map(({ metadata: { name } }) =>
          cluster.kubectl(['get', '--raw', `${pods}/${name}:15080/proxy${path}`]),
        ),
      )
      const given = answers.filter((one) => one.status === 'fulfilled').map(({ value }) => JSON.parse(value))
      if (given.length > 0) return joined(given as Record<string, unknown>[])
      throw answers.find((one) => one.status === 'rejected')?.reason ?? new Error('no control plane is ready')
    },
    async change(file, edit) {
      const text = await readFile(join(DEMO_MANIFESTS, file), 'utf8')
      await apply(edit(text))
      return async () => void (await apply(text))
    },
  }
  return mesh
}

/** Each replica knows the streams and spans that reached it: of lists that each gives, all that is in them. */
function joined(answers: readonly Record<string, unknown>[]): Record<string, unknown> {
  const all = { ...answers[0] }
  for (const answer of answers.slice(1)) {
    for (const [name, value] of Object.entries(answer)) {
      const known = all[name]
      all[name] = Array.isArray(known) && Array.isArray(value) ? [...known, ...value] : (known ?? value)
    }
  }
  return all
}

async function readyPods(cluster: KubernetesCluster, namespace: string, selector: string): Promise<Pod[]> {
  const text = await cluster.kubectl([
    ...['get', 'pods', '--namespace', namespace, '--selector', selector],
    '--output=json',
  ])
  const { items } = JSON.parse(text) as { items: Pod[] }
  return items.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  )
}

function podInfo({ metadata, spec, status }: Pod): PodInfo {
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    address: status.podIP ?? '',
    containers: [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name),
  }
}
