import type { StepResult } from '../demo/scenario.ts'
import type { Progress } from '../programs/progress.ts'
import type { PartName } from '../kubernetes/programs/programs.ts'
import type { IssuerPart } from './programs.ts'

/** One issuer of somebody else, and what must be seen of it. */
export interface Trial {
  readonly name: string
  /** As its project has it. */
  readonly version: string
  readonly part: IssuerPart
  /** Of the cluster that it needs; none if it needs no cluster. */
  readonly clusterParts: readonly PartName[]
  /** Starts it from the programs of its part, in `folder`, plays all steps, and ends it. */
  play(folder: string, progress: Progress): Promise<StepResult[]>
}
