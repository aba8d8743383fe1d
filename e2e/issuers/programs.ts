import { isCached } from '../programs/cache.ts'
import { buildGo } from '../programs/go-module.ts'
import { ensureOnMachine } from '../programs/on-machine.ts'
import { makePart, type Part } from '../programs/part.ts'
import type { Progress } from '../programs/progress.ts'

export const SPIRE = 'v1.13.3'

const SPIRE_MODULE = 'github.com/spiffe/spire'
const PART: Part = { folder: `spire-${SPIRE}`, make: makeSpire }

/** SPIRE's server and agent. Their folder. Throws WeftError `programs.lack` that says what is missing. */
export function ensureSpire(progress: Progress): Promise<string> {
  return makePart(PART, progress)
}

/** Whether both are in the cache already. */
export function isSpireMade(): boolean {
  return isCached(PART.folder)
}

function makeSpire(folder: string, progress: Progress): Promise<Record<string, string>> {
  // Its SQLite is C.
  ensureOnMachine('gcc', 'gcc', progress)
  return buildGo(
    {
      module: SPIRE_MODULE,
      version: SPIRE,
      packages: {
        [`${SPIRE_MODULE}/cmd/spire-server`]: 'spire-server',
        [`${SPIRE_MODULE}/cmd/spire-agent`]: 'spire-agent',
      },
      cgo: true,
    },
    folder,
    progress,
  )
}
