import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseStatus } from '../status.ts'
import type { CanaryStatus } from '../status.ts'

/** A Canary's status with its name. */
export interface CanaryRow extends CanaryStatus {
  readonly namespace: string
  readonly name: string
}

/** Names of files in it, beside those of Canaries. */
const ROUTES = 'routes.json'
const STATUS = '.status.json'
const REQUEST = '.request'

/**
 * What outlives a control plane of one machine: how far Canaries are, and what somebody asked of them. Its files are
 * written as a whole, and read by `weft canary`, too.
 */
export class CanaryDirectory {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    mkdirSync(path, { recursive: true, mode: 0o755 })
  }

  get routes(): unknown {
    return parsed(this.#read(ROUTES))
  }

  saveRoutes(routes: object): void {
    this.#write(ROUTES, JSON.stringify(routes))
  }

  status(namespace: string, name: string): CanaryStatus | undefined {
    return parseStatus(parsed(this.#read(fileOf(namespace, name, STATUS))))
  }

  /** All that were looked at, by name. */
  all(): CanaryRow[] {
    return readdirSync(this.#path)
      .filter((file) => file.endsWith(STATUS) && !file.startsWith('.'))
      .sort()
      .flatMap((file) => {
        const [namespace = '', name = ''] = file.slice(0, -STATUS.length).split('_')
        const status = this.status(namespace, name)
        return status ? [{ namespace, name, ...status }] : []
      })
  }

  save(namespace: string, name: string, status: CanaryStatus): void {
    this.#write(fileOf(namespace, name, STATUS), JSON.stringify(status))
  }

  request(namespace: string, name: string): string {
    return this.#read(fileOf(namespace, name, REQUEST)) ?? ''
  }

  ask(namespace: string, name: string, request: string): void {
    this.#write(fileOf(namespace, name, REQUEST), request)
  }

  forget(namespace: string, name: string): void {
    for (const kind of [STATUS, REQUEST])
      rmSync(join(this.#path, fileOf(namespace, name, kind)), { force: true })
  }

  /** Calls back when a file changed; returns what ends that. */
  watch(changed: () => void): () => void {
    const watcher = watch(this.#path, { persistent: false }, (_, file) => {
      if (file === null || file.endsWith(REQUEST)) changed()
    })
    watcher.on('error', () => {})
    return () => watcher.close()
  }

  #read(file: string): string | undefined {
    try {
      return readFileSync(join(this.#path, file), 'utf8')
    } catch {
      return undefined
    }
  }

  #write(file: string, text: string): void {
    writeFileSync(join(this.#path, `.new-${file}`), text, { mode: 0o644 })
    renameSync(join(this.#path, `.new-${file}`), join(this.#path, file))
  }
}

/** DNS names have no `_`. */
function fileOf(namespace: string, name: string, kind: string): string {
  return `${namespace}_${name}${kind}`
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
