import { madeOnce } from './cache.ts'
import type { Progress } from './progress.ts'

/** A folder of the cache and how it is made: the programs of one other project. `make` gives what to record. */
export interface Part {
  readonly folder: string
  readonly make: (folder: string, progress: Progress) => Promise<Readonly<Record<string, string>>>
}

/** Makes the part if it is not in the cache. Its folder. Throws WeftError `programs.lack` that says what is missing. */
export function makePart({ folder, make }: Part, progress: Progress): Promise<string> {
  return madeOnce(folder, progress, (made) => make(made, progress))
}
