import { readdirSync, readFileSync, renameSync, rmSync, statSync, watch, writeFileSync } from 'node:fs'
import type { FSWatcher, Stats } from 'node:fs'
import { join } from 'node:path'
import { clearInterval, setInterval } from 'node:timers'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import type { Watchable } from '../../core/watched.ts'
import { activeFile, withoutPlugin, withPlugin } from './conflist.ts'

/** Whether the plugin is in the node's network configuration; else why not. */
export type Presence =
  | { readonly present: true; readonly file: string }
  | { readonly present: false; readonly why: string }

/** Beside the watch, which some file systems do not have. */
const LOOK_AGAIN_MS = 5000
/** Runtimes read no file of that name. */
const TEMPORARY = '.weft-cni.tmp'

/**
 * Keeps the plugin in the node's network configuration: in the file that runtimes take, whenever somebody writes it anew, or
 * writes one that comes before it. What is there is replaced whole or not at all.
 */
export class NodeConfiguration {
  readonly #folder: string
  readonly #logger: Logger
  readonly #presence = new Watched<Presence>({ present: false, why: 'not looked yet' })
  #stop: (() => void) | undefined

  constructor(folder: string, logger: Logger) {
    this.#folder = folder
    this.#logger = logger
  }

  get presence(): Watchable<Presence> {
    return this.#presence
  }

  /** Puts the plugin in, and again until `stop`. */
  keep(lookAgainMs: number = LOOK_AGAIN_MS): void {
    const look = () => this.#look()
    const watcher = this.#watch(look)
    const timer = setInterval(look, lookAgainMs)
    this.#stop = () => {
      watcher?.close()
      clearInterval(timer)
    }
    look()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  /** Takes the plugin out of all files of the folder. */
  remove(): void {
    this.stop()
    for (const name of readdirSync(this.#folder)) {
      if (activeFile([name]) === undefined) continue
      const before = this.#read(name)
      const text = withoutPlugin(before.text)
      if (text === undefined) continue
      this.#replace(name, text, before.stats)
      this.#logger.info('plugin taken out', { file: name })
    }
    this.#presence.set({ present: false, why: 'taken out' })
  }

  /** Undefined where a node has no watch left to give (inotify(7), max_user_watches): it is looked at now and again, then. */
  #watch(look: () => void): FSWatcher | undefined {
    const tell = (error: unknown) =>
      this.#logger.warn('folder is not watched, it is looked at now and again', {
        folder: this.#folder,
        cause: describeError(error),
      })
    try {
      return watch(this.#folder, look).on('error', tell)
    } catch (error) {
      tell(error)
      return undefined
    }
  }

  #look(): void {
    const presence = this.#put()
    const last = this.#presence.value
    if (JSON.stringify(presence) === JSON.stringify(last)) return
    if (presence.present) this.#logger.info('plugin is in the network configuration', { file: presence.file })
    else this.#logger.warn('plugin is not in the network configuration', { why: presence.why })
    this.#presence.set(presence)
  }

  #put(): Presence {
    let name: string | undefined
    try {
      name = activeFile(readdirSync(this.#folder))
      if (name === undefined)
        return {
          present: false,
          why: `${this.#folder} has no configuration: the pod network is not installed yet`,
        }
      const before = this.#read(name)
      const text = withPlugin(before.text)
      if (text !== undefined) {
        if (!this.#replace(name, text, before.stats)) return this.#presence.value
        this.#logger.info('plugin put in', { file: name })
      }
      return { present: true, file: name }
    } catch (error) {
      return { present: false, why: `${join(this.#folder, name ?? '')} ${describeError(error)}` }
    }
  }

  #read(name: string): { readonly text: string; readonly stats: Stats } {
    const path = join(this.#folder, name)
    const stats = statSync(path)
    return { text: readFileSync(path, 'utf8'), stats }
  }

  /** False: somebody else has written it meanwhile, which is looked at again at once. */
  #replace(name: string, text: string, before: Stats): boolean {
    const path = join(this.#folder, name)
    const temporary = join(this.#folder, TEMPORARY)
    writeFileSync(temporary, text, { mode: before.mode & 0o777 })
    const now = statSync(path)
    if (now.ino !== before.ino || now.mtimeMs !== before.mtimeMs || now.size !== before.size) {
      rmSync(temporary)
      queueMicrotask(() => this.#stop && this.#look())
      return false
    }
    renameSync(temporary, path)
    return true
  }
}
