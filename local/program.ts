import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const isBundle = !import.meta.url.endsWith('.ts')

/** Mounted at /opt/weft in every pod: of a clone all of it, of a bundle its folder and the dashboard's beside it. */
export const PROGRAM_FOLDER = join(here, '..')

/** The `weft` command, below that folder. */
export const WEFT_PROGRAM = isBundle ? 'weft/main.mjs' : 'cli/weft.ts'

/** The process that runs a cluster. */
export const NODE_PROGRAM = join(here, isBundle ? 'local-node.mjs' : 'node/main.ts')

/** Where this program's packages are, wherever npm put them: pods see them at /node_modules. */
export function packagesFolder(): string {
  const found = createRequire(import.meta.url).resolve('koffi')
  return found.slice(0, found.lastIndexOf('/koffi/'))
}
