import type { ProxyProgram } from '../pair/testing/proxy-process.ts'
import type { Progress } from '../programs/progress.ts'
import type { Teardown } from '../pair/testing/pair.ts'
import type { InteropPart } from './programs/programs.ts'

/** What came of one case on one way. `said` is why it failed, or a figure of one that passed. */
export interface Verdict {
  readonly passed: boolean
  readonly said: string
}

/** One case: straight to its server, where that can be, and through the pair. */
export interface Case {
  readonly name: string
  readonly direct?: Verdict
  readonly pair: Verdict
}

/** What a suite gets to run with. */
export interface Run {
  /** Folder of a part of the cache. */
  readonly folder: (part: InteropPart) => string
  /** How proxies are run: the bundle that images ship. */
  readonly program: ProxyProgram
  readonly progress: Progress
  readonly stopped: AbortSignal
  /** What it starts is ended after it, last first. */
  readonly t: Teardown
}

/** The programs of another project, and how they are run direct and through a pair. */
export interface Suite {
  readonly name: string
  readonly title: string
  readonly parts: readonly InteropPart[]
  readonly run: (run: Run) => Promise<readonly Case[]>
}

/** Through the pair it is as direct: passed, or failed both ways. */
export function isSame({ direct, pair }: Case): boolean {
  return direct === undefined ? pair.passed : direct.passed === pair.passed
}
