import { WeftError } from '../../core/errors.ts'
import type { LocalCluster } from '../../local/cluster.ts'

const PATIENCE_MS = 90_000
const LOG_LINES = 3

/** Resolves when every pod is ready; throws a WeftError that tells which are not and what they say. */
export async function untilReady(cluster: LocalCluster): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, 'late')
  })
  const outcome = await Promise.race([cluster.ready, late]).finally(() => clearTimeout(timer))
  if (outcome !== 'late') return
  const { pods } = await cluster.status()
  const stuck = pods.filter((pod) => !pod.ready)
  const told = await Promise.all(stuck.map((pod) => said(cluster, `${pod.namespace}/${pod.name}`, pod)))
  throw new WeftError('demo.not_ready', `not ready within ${PATIENCE_MS / 1000} s:\n${told.join('\n')}`)
}

type Pod = Awaited<ReturnType<LocalCluster['status']>>['pods'][number]

async function said(cluster: LocalCluster, name: string, pod: Pod): Promise<string> {
  const container = pod.containers.find((one) => !one.ready && one.state.type !== 'terminated')
  if (!container) return `${name}: ${pod.problem ?? pod.phase}`
  let text = ''
  try {
    for await (const chunk of cluster.logs(name, { container: container.name, tail: LOG_LINES }))
      text += chunk
  } catch {
    // It has said nothing yet.
  }
  return `${name}, container ${container.name}: ${container.state.type}\n${text.trimEnd().replaceAll(/^/gm, '    ')}`
}
