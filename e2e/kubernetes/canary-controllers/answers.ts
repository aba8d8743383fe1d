import { eventually } from '../../demo/scenario.ts'
import type { KubernetesCluster } from '../cluster/cluster.ts'

/** What the samples' client counted in a second: which version, or `failed ...`, gave how many answers. */
export type Answers = Readonly<Record<string, number>>

/** All that the client of a namespace has said, a second each. */
export async function answersOf(cluster: KubernetesCluster, namespace: string): Promise<readonly Answers[]> {
  const log = await cluster.kubectl(['logs', 'deployment/client', '--container=client', '-n', namespace])
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Answers)
}

/** Waits for a second in which this version gave every answer. */
export async function untilAll(
  cluster: KubernetesCluster,
  namespace: string,
  version: string,
): Promise<void> {
  await eventually(60, `${version} gives every answer in ${namespace}`, async () => {
    const last = (await answersOf(cluster, namespace)).at(-1) ?? {}
    return Object.keys(last).join() === version || undefined
  })
}

/** `1234 answers, v1 1000, v2 234, 0 failed` with what it is made of. */
export function summary(seconds: readonly Answers[]): {
  readonly counts: Answers
  readonly failed: number
  readonly text: string
} {
  const counts: Record<string, number> = {}
  for (const second of seconds)
    for (const [who, count] of Object.entries(second)) counts[who] = (counts[who] ?? 0) + count
  const failed = Object.entries(counts).reduce(
    (sum, [who, count]) => sum + (who.startsWith('failed') ? count : 0),
    0,
  )
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const versions = Object.entries(counts)
    .filter(([who]) => !who.startsWith('failed'))
    .map(([who, count]) => `${who} ${count}`)
  return { counts, failed, text: `${all} answers: ${[...versions, `${failed} failed`].join(', ')}` }
}
