import { execFile } from 'node:child_process'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import type { LocalCluster } from '../../local/cluster.ts'
import type { DemoCluster, PodInfo } from './scenario.ts'

const EXEC_TIMEOUT_MS = 120_000
const API_TIMEOUT_MS = 5_000
const WEFT = join(import.meta.dirname, '../../cli/weft.ts')

/** A local cluster as the scenario's steps see it. `api` is the address of its REST interface. */
export function demoCluster(cluster: LocalCluster, api: string): DemoCluster {
  const name = (pod: PodInfo) => `${pod.namespace}/${pod.name}`
  return {
    async pods(namespace, app) {
      const { pods } = await cluster.status()
      return pods
        .filter((pod) => pod.namespace === namespace && pod.labels['app'] === app)
        .filter((pod) => pod.ready && !pod.terminating)
        .map((pod) => ({
          namespace,
          name: pod.name,
          address: pod.ips[0] ?? '',
          containers: pod.containers.map((container) => container.name),
        }))
    },
    exec: (pod, argv) => cluster.exec(name(pod), argv, { timeoutMs: EXEC_TIMEOUT_MS }),
    async hold(pod, container) {
      await cluster.hold(name(pod), container)
      await cluster.kill(name(pod), { container })
    },
    release: (pod, container) => cluster.release(name(pod), container),
    async kill(pod, container) {
      await cluster.kill(name(pod), { container })
    },
    deletePod: (pod) => cluster.deletePod(name(pod)),
    weft: (...argv) =>
      new Promise((resolve) => {
        const all = [WEFT, ...argv, '--state-dir', cluster.stateDir]
        const ended = execFile(process.execPath, all, (_error, stdout, stderr) =>
          resolve({ code: ended.exitCode ?? 1, stdout, stderr }),
        )
      }),
    change: (file, edit) => changeManifest(cluster, file, edit),
    async capture(during) {
      const { nodes } = await cluster.status()
      const captures = await Promise.all(
        nodes.map((node) => cluster.capture(undefined, undefined, node.name)),
      )
      return captured(captures, during)
    },
    captureWire: async (during) => captured([await cluster.capture()], during),
    network: async () => (await cluster.status()).network,
    nodeOf: async (pod) => (await cluster.pod(name(pod))).node ?? '',
    async api(path) {
      const answer = await fetch(api + path, { signal: AbortSignal.timeout(API_TIMEOUT_MS) })
      if (answer.ok) return answer.json()
      throw new WeftError('demo.api', `GET ${path} answered ${answer.status}`)
    },
  }
}

/** What all captures have, one after the other. */
async function captured(
  captures: readonly Awaited<ReturnType<LocalCluster['capture']>>[],
  during: () => Promise<void>,
): Promise<Buffer> {
  try {
    await during()
  } finally {
    await Promise.all(captures.map((capture) => capture.stop()))
  }
  return Buffer.concat(await Promise.all(captures.map(({ file }) => readFile(file))))
}

/** Edits one of the manifests that a cluster follows; what it gives puts it back. */
export async function changeManifest(
  cluster: LocalCluster,
  file: string,
  edit: (text: string) => string,
): Promise<() => Promise<void>> {
  const path = join(cluster.manifests[0] ?? '', file)
  const text = await readFile(path, 'utf8')
  // As a whole: a file that is emptied first counts only after a while, as nobody knows whether it stays so.
  const put = async (content: string) => {
    await writeFile(`${path}.new`, content)
    await rename(`${path}.new`, path)
  }
  await put(edit(text))
  return () => put(text)
}
