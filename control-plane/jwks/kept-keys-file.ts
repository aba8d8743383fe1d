import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { Watchable } from '../../core/watched.ts'
import type { KeysBySource } from '../model/token-rule.ts'
import { MOST_KEPT_BYTES, readKeptKeys, writeKeptKeys, type KeptKeys } from './kept-keys.ts'

const FILE = 'token-keys.json'

/** Keys of token issuers in a directory of one machine; what is not there, or cannot be read, is none. */
export function keptInDirectory(directory: string): KeptKeys {
  return readKeptKeys(textOf(join(directory, FILE)))
}

/** Keeps them there from now on; what it returns ends that. A directory that cannot be written to is told in the log. */
export function keepInDirectory(directory: string, keys: Watchable<KeysBySource>, log: Logger): () => void {
  const place = join(directory, FILE)
  let written = textOf(place)
  const keep = (): void => {
    const text = writeKeptKeys(keys.value, readKeptKeys(written))
    // Of nothing, nothing is made.
    if (text === (written ?? '{}')) return
    try {
      writeFileSync(join(directory, `.new-${FILE}`), text, { mode: 0o644 })
      renameSync(join(directory, `.new-${FILE}`), place)
      written = text
    } catch (error) {
      log.warn('keys of token issuers could not be kept for the next start', {
        file: place,
        reason: describeError(error),
      })
    }
  }
  keep()
  return keys.watch(keep)
}

function textOf(path: string): string | undefined {
  try {
    return statSync(path).size > MOST_KEPT_BYTES ? undefined : readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
