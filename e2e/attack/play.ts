import { fileURLToPath } from 'node:url'
import { formatProblem } from '../../core/problem.ts'
import { describeError } from '../../core/errors.ts'
import { startCluster } from '../../local/cluster.ts'
import type { LocalCluster } from '../../local/cluster.ts'
import { within } from '../programs/within.ts'
import type { Attack } from './attack.ts'
import { AttackBed } from './bed.ts'
import type { AttackReport } from './report.ts'
import { judge } from './verdict.ts'
import type { AttackResult } from './verdict.ts'

/** For an attack; none takes one. */
const ATTACK_MINUTES = 5

const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Starts a mesh, plays the attacks one after the other, ends the mesh. */
export async function playAttacks(
  attacks: readonly Attack[],
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<AttackReport> {
  progress('starting the mesh')
  let cluster: LocalCluster | undefined
  try {
    cluster = await startCluster({
      manifests: [folder('manifests')],
      images: { 'weft.dev/attack': folder('app') },
      name: `attack-${process.pid}`,
      copy: true,
      ...(signal ? { signal } : {}),
      onWarning: (line) => progress(`warning: ${line}`),
      onProblems: ({ come }) => come.forEach((problem) => progress(formatProblem(problem))),
    })
    await cluster.ready
    const bed = new AttackBed(cluster, progress)
    const results: AttackResult[] = []
    for (const attack of attacks) {
      signal?.throwIfAborted()
      progress(`attack ${attack.name}`)
      results.push(await within(ATTACK_MINUTES, attack.name, play(bed, attack)))
    }
    return { ok: results.every((result) => result.ok), attacks: results }
  } finally {
    await cluster?.close()
  }
}

/** One attack, while the honest caller goes on. */
async function play(bed: AttackBed, attack: Attack): Promise<AttackResult> {
  const { attacked } = attack
  if (attack.fresh === true) await bed.renew(attacked)
  const before = await bed.memory(attacked)
  let problems: readonly string[] = []
  const honest = await bed.honest(attack.pulse, async () => {
    problems = await attack.run(bed).catch((error: unknown) => [`not played: ${describeError(error)}`])
  })
  const after = await bed.memory(attacked)
  const highest = after.peak > before.peak ? after.peak : after.now
  return judge(attack, honest, { before: before.now, after: highest }, problems)
}
