import { readFileSync } from 'node:fs'
import { clearInterval, setInterval } from 'node:timers'
import { describeError, WeftError } from './errors.ts'
import type { Logger } from './log.ts'
import { Watched } from './watched.ts'
import type { Watchable } from './watched.ts'

/**
 * Files read now and again whenever their content changes (by polling: a mounted Secret is replaced by
 * swapping a symbolic link). `load` throws on content that can't be used: then the last good value stays
 * and the log says why, once a content. The first read throws.
 */
export function watchFiles<T>(
  paths: readonly string[],
  load: (texts: readonly string[]) => T,
  options: { readonly logger: Logger; readonly intervalMs?: number },
): { readonly current: Watchable<T>; stop(): void } {
  let texts = paths.map(readText)
  const current = new Watched(load(texts))
  let complaint = ''
  const timer = setInterval(() => {
    try {
      const now = paths.map(readText)
      if (now.every((text, at) => text === texts[at])) {
        complaint = ''
        return
      }
      const value = load(now)
      texts = now
      complaint = ''
      current.set(value)
      options.logger.info('file read again', { paths })
    } catch (error) {
      const cause = describeError(error)
      if (cause !== complaint)
        options.logger.error('changed file can not be used, the last one stays', { paths, cause })
      complaint = cause
    }
  }, options.intervalMs ?? 2000)
  timer.unref()
  return { current, stop: () => clearInterval(timer) }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new WeftError('file.unreadable', `${path} can't be read (${reason})`)
  }
}
