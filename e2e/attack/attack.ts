import type { AttackBed, Attacked } from './bed.ts'

/** One way to hurt the mesh, and what must hold meanwhile. */
export interface Attack {
  readonly name: string
  readonly what: string
  /** Whose memory is looked at. */
  readonly attacked: Attacked
  /** A page of what is attacked, asked all the while: the longest answer is the stall of its loop. */
  readonly pulse: string
  /** Of the short form. */
  readonly short: boolean
  /** Start what is attacked anew before, for its memory's sake. */
  readonly fresh?: boolean
  /** MiB that what is attacked may grow by. */
  readonly growthMib: number
  /** Does it; gives what did not hold. */
  run(bed: AttackBed): Promise<readonly string[]>
}
