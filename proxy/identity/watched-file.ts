import { statSync } from 'node:fs'
import type { Clock } from '../../core/clock.ts'

/**
 * Calls `changed` when one of the files was replaced or rewritten. Looks every `everyMs` instead of using inotify:
 * mounted ConfigMaps and Secrets are replaced through links, and a look costs microseconds.
 */
export function watchFiles(
  paths: readonly string[],
  clock: Clock,
  everyMs: number,
  changed: () => void,
): () => void {
  const look = () => paths.map(fingerprint).join()
  let last = look()
  let cancel: () => void
  const tick = () => {
    cancel = clock.after(everyMs, tick)
    const now = look()
    if (now === last) return
    last = now
    changed()
  }
  cancel = clock.after(everyMs, tick)
  return () => cancel()
}

function fingerprint(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat ? `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}` : '-'
}
