import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { STITCH_FILE } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'

const BUNDLED = fileURLToPath(new URL(STITCH_FILE, import.meta.url))
const SOURCE = fileURLToPath(new URL('../../injector/stitch/main.ts', import.meta.url))

/**
 * Puts what the pod's Node.js applications are started with into a directory that they share with their sidecar. It has to be there
 * before they start, or they would not. Throws WeftError `stitch.place`.
 */
export function placeStitch(directory: string): void {
  try {
    const file = join(directory, STITCH_FILE)
    writeFileSync(`${file}.new`, text(), { mode: 0o444 })
    renameSync(`${file}.new`, file)
  } catch (cause) {
    const message = `cannot write ${STITCH_FILE} into ${directory}: ${describeError(cause)}`
    throw new WeftError('stitch.place', message, { field: '--stitch-dir', cause })
  }
}

/** Of a proxy that runs from its source, in a pod of one machine, the source, which each container there has at the same place. */
function text(): string {
  return existsSync(BUNDLED) ? readFileSync(BUNDLED, 'utf8') : `require(${JSON.stringify(SOURCE)})\n`
}
