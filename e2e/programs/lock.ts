import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 500
/** A holder writes its id right after it made the directory. */
const WITHOUT_HOLDER_MS = 5000

/** Waits until this process alone holds the directory `path`; gives what lets it go. One whose holder died is taken. */
export async function lockDirectory(path: string, waiting: () => void): Promise<() => void> {
  let told = false
  for (;;) {
    try {
      mkdirSync(path)
      writeFileSync(join(path, 'holder'), String(process.pid))
      return () => rmSync(path, { recursive: true, force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (!holderLives(path)) {
      // Moved first: of several that see the dead one, the others must not remove a living one's.
      const dead = `${path}.${process.pid}.dead`
      try {
        renameSync(path, dead)
      } catch {
        continue
      }
      rmSync(dead, { recursive: true, force: true })
      continue
    }
    if (!told) waiting()
    told = true
    await delay(POLL_MS)
  }
}

function holderLives(path: string): boolean {
  try {
    const holder = Number(readFileSync(join(path, 'holder'), 'utf8'))
    if (holder > 0) return process.kill(holder, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return true
  }
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return made !== undefined && Date.now() - made < WITHOUT_HOLDER_MS
}
