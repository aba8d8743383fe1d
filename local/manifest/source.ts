import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { describeError } from '../../core/errors.ts'
import { keyOf, workloadKey } from './objects.ts'
import type {
  ConfigObject,
  CronJobObject,
  DesiredState,
  NamespaceObject,
  PodObject,
  ServiceObject,
  Workload,
} from './objects.ts'
import { parseObject } from './parse-object.ts'
import type { ParsedObject } from './parse-object.ts'

const MANIFEST = /(^|\/)[^./#~][^/]*\.(yaml|yml|json)$/
const HIDDEN = /(^|\/)\./
const SETTLE_MS = 15
/** How long an emptied file may be one that is just written anew, as many editors do. */
const EMPTY_GRACE_MS = 100

export interface ManifestReport {
  error(message: string): void
  warn(message: string): void
}

/**
 * Directories of manifests, read again whenever a file in them changes. A file that cannot be read as
 * a whole keeps what it said before, and is reported with its name, the object and the field.
 */
export class ManifestSource {
  readonly #directories: readonly string[]
  readonly #report: ManifestReport
  readonly #lastGood = new Map<string, readonly ParsedObject[]>()
  readonly #said = new Set<string>()
  #watchers: FSWatcher[] = []

  constructor(directories: readonly string[], report: ManifestReport) {
    this.#directories = directories
    this.#report = report
  }

  /** Reads everything once. Rejects when a directory cannot be read; a bad file is only reported. */
  async load(): Promise<DesiredState> {
    const present = new Set<string>()
    for (const directory of this.#directories) {
      for (const file of (await readdir(directory, { recursive: true })).filter(isManifest).sort()) {
        const path = join(directory, file)
        present.add(path)
        await this.#loadFile(path)
      }
    }
    for (const path of this.#lastGood.keys()) if (!present.has(path)) this.#lastGood.delete(path)
    return this.#combine([...present])
  }

  /** Calls `changed` with the state after every change of a file, until `close`. */
  watch(changed: (state: DesiredState) => void): void {
    let running = false
    let again = false
    const reload = async () => {
      if (running) {
        again = true
        return
      }
      running = true
      do {
        again = false
        try {
          changed(await this.load())
        } catch (error) {
          this.#report.error(describeError(error))
        }
      } while (again)
      running = false
    }
    let timer: NodeJS.Timeout | undefined
    for (const directory of this.#directories) {
      this.#watchers.push(
        watch(directory, { recursive: true }, (_event, file) => {
          if (file !== null && !isManifest(file)) return
          clearTimeout(timer)
          timer = setTimeout(() => void reload(), SETTLE_MS)
        }),
      )
    }
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }

  async #loadFile(path: string): Promise<void> {
    const objects: ParsedObject[] = []
    let where = path
    try {
      const documents = parseAllDocuments(await this.#read(path), { merge: true })
      for (const [index, document] of [...documents].entries()) {
        where = documents.length > 1 ? `${path}: document ${index + 1}` : path
        const fault = document.errors[0]
        if (fault) throw fault
        const value: unknown = document.toJS()
        if (value === null || value === undefined) continue
        for (const entry of itemsOf(value)) {
          objects.push(
            parseObject(entry, (field, message) => this.#once('warn', `${where}: ${field} ${message}`)),
          )
        }
      }
      this.#lastGood.set(path, objects)
      for (const said of this.#said) if (said.startsWith(`error ${path}:`)) this.#said.delete(said)
    } catch (error) {
      const kept = this.#lastGood.has(path) ? ' (what the file said before stays in force)' : ''
      this.#once('error', `${where}: ${describeError(error).split('\n')[0]}${kept}`)
    }
  }

  async #read(path: string): Promise<string> {
    const text = await readFile(path, 'utf8')
    if (text.trim() !== '' || !this.#lastGood.get(path)?.length) return text
    await delay(EMPTY_GRACE_MS)
    return readFile(path, 'utf8')
  }

  #once(level: 'error' | 'warn', message: string): void {
    const key = `${level} ${message}`
    if (this.#said.has(key)) return
    this.#said.add(key)
    this.#report[level](message)
  }

  #combine(files: readonly string[]): DesiredState {
    const namespaces = new Map<string, NamespaceObject>([['default', { name: 'default', labels: {} }]])
    const serviceAccounts = new Set<string>()
    const configMaps = new Map<string, ConfigObject>()
    const secrets = new Map<string, ConfigObject>()
    const workloads = new Map<string, Workload>()
    const cronJobs = new Map<string, CronJobObject>()
    const pods = new Map<string, PodObject>()
    const services = new Map<string, ServiceObject>()
    for (const path of files) {
      for (const parsed of this.#lastGood.get(path) ?? []) {
        const { kind, object } = parsed
        if ('namespace' in object && !namespaces.has(object.namespace)) {
          namespaces.set(object.namespace, { name: object.namespace, labels: {} })
        }
        if (kind === 'Namespace') namespaces.set(object.name, object)
        else if (kind === 'ServiceAccount') serviceAccounts.add(keyOf(object))
        else if (kind === 'ConfigMap') configMaps.set(keyOf(object), object)
        else if (kind === 'Secret') secrets.set(keyOf(object), object)
        else if (kind === 'Workload') workloads.set(workloadKey(object), object)
        else if (kind === 'CronJob') cronJobs.set(keyOf(object), object)
        else if (kind === 'Pod') pods.set(keyOf(object), object)
        else if (kind === 'Service') services.set(keyOf(object), object)
      }
    }
    return { namespaces, serviceAccounts, configMaps, secrets, workloads, cronJobs, pods, services }
  }
}

/** The entries of a List, or of a list of one kind such as DeploymentList, or the object itself. */
function itemsOf(value: unknown): unknown[] {
  if (
    typeof value === 'object' &&
    value !== null &&
    'items' in value &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    value.kind.endsWith('List')
  ) {
    return Array.isArray(value.items) ? value.items : []
  }
  return [value]
}

function isManifest(path: string): boolean {
  return MANIFEST.test(path) && !HIDDEN.test(path)
}
