import { setTimeout as delay } from 'node:timers/promises'
import { whenReaderGoes } from '../../core/command-line/end-with-reader.ts'
import { describeError } from '../../core/errors.ts'
import type { Told } from '../mesh/mesh-command.ts'

const EVERY_MS = 2000
/** After so many questions in a row without an answer it ends. */
const MOST_FAILURES = 5
const CLEAR = '\u001B[H\u001B[2J\u001B[3J'

/**
 * Asks again every two seconds until Ctrl-C, or until whoever reads is gone: on a terminal each answer takes the place of the one
 * before, elsewhere they follow each other; with `json` each is one line. Throws what the first question throws.
 */
export async function watching(ask: () => Promise<Told>, json: boolean): Promise<Told> {
  const ended = new AbortController()
  const end = (): void => ended.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  whenReaderGoes(end)
  let failures = 0
  let told = await ask()
  try {
    while (!ended.signal.aborted) {
      if (json) process.stdout.write(`${JSON.stringify(told.json)}\n`)
      else process.stdout.write(process.stdout.isTTY ? CLEAR + told.text : told.text)
      await delay(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined)
      if (ended.signal.aborted) break
      try {
        told = await ask()
        failures = 0
      } catch (error) {
        if (++failures === MOST_FAILURES) throw error
        process.stderr.write(`weft: ${describeError(error)}; asked again in ${EVERY_MS / 1000} s\n`)
      }
    }
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    whenReaderGoes(undefined)
  }
  return { text: '', json: undefined, code: told.code, printed: true }
}
