import { readFileSync, statSync } from 'node:fs'
import type { Logger } from '../../core/log.ts'
import type { Problem } from '../../core/problem.ts'

/**
 * Problems that somebody else found, of a file with `{"problems": [...]}` as `weft local validate --json` prints it. Looked
 * at again whenever it is asked. A file that is not there holds none; of one that can't be read what it said before stays.
 */
export class ToldProblems {
  readonly #file: string
  readonly #log: Logger
  #state = ''
  #problems: readonly Problem[] = []

  constructor(file: string, log: Logger) {
    this.#file = file
    this.#log = log
  }

  get value(): readonly Problem[] {
    const stat = statSync(this.#file, { bigint: true, throwIfNoEntry: false })
    const state = stat ? `${stat.ino} ${stat.size} ${stat.mtimeNs}` : ''
    if (state === this.#state) return this.#problems
    this.#state = state
    if (!stat) return (this.#problems = [])
    try {
      const { problems } = JSON.parse(readFileSync(this.#file, 'utf8')) as { problems: Problem[] }
      if (!Array.isArray(problems)) throw new TypeError('problems: must be a list')
      this.#problems = problems
    } catch (error) {
      this.#log.warn('problems that were told could not be read', { file: this.#file, error: String(error) })
    }
    return this.#problems
  }
}
