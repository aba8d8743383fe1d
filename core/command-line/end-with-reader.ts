import { constants } from 'node:os'

let inOrder: (() => void) | undefined

/**
 * Ends this process without a word when whoever read its output has gone (`| head`), with the exit code of a program that
 * SIGPIPE ends: Node.js ignores that signal.
 */
export function endWithReader(): void {
  let gone = false
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (!inOrder) process.exit(128 + constants.signals.SIGPIPE)
      if (!gone) inOrder()
      gone = true
    })
}

/** Has `end` called then, once, instead of ending at once; undefined takes that back. */
export function whenReaderGoes(end: (() => void) | undefined): void {
  inOrder = end
}
