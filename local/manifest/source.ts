import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from '../../core/errors.ts'
import { inOrder, type Problem } from '../../core/problem.ts'
import { checkFile, fileProblem, manifestProblems } from '../problems/check-manifests.ts'
import type { CheckedFile, CheckedObject } from '../problems/checked.ts'
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
import type { NetworkPolicy } from '../network/policy/network-policy.ts'
import type { ParsedObject } from './parse-object.ts'

const MANIFEST = /(^|\/)[^./#~][^/]*\.(yaml|yml|json)$/
const HIDDEN = /(^|\/)\./
const SETTLE_MS = 15
/** How long an emptied file may be one that is just written anew, as many editors do. */
const EMPTY_GRACE_MS = 100

/** What the directories say, and everything that is wrong with it. */
export interface Manifests {
  readonly desired: DesiredState
  /** As they are written now, in force or not. */
  readonly objects: readonly CheckedObject[]
  readonly problems: readonly Problem[]
}

interface FileState {
  readonly text: string
  readonly checked: CheckedFile
  /** What is in force of it. */
  readonly objects: readonly ParsedObject[]
  readonly everGood: boolean
  /** It has a mistake, and what it said before stays in force. */
  readonly kept: boolean
}

/**
 * Directories of manifests, read again whenever a file in them changes. A file with a mistake keeps what it said before;
 * of one that never was right the objects that are count.
 */
export class ManifestSource {
  readonly #directories: readonly string[]
  readonly #nameOf: (path: string) => string
  readonly #files = new Map<string, FileState>()
  #watchers: FSWatcher[] = []
  #last: DesiredState = combine([])

  /** `nameOf` gives what people call a file by its path. */
  constructor(directories: readonly string[], nameOf = (path: string): string => path) {
    this.#directories = directories
    this.#nameOf = nameOf
  }

  /** Reads everything once. Rejects when a directory cannot be read; what is wrong with a file is among the problems. */
  async load(): Promise<Manifests> {
    const present = new Set<string>()
    const unreadable: Problem[] = []
    for (const [root, directory] of this.#directories.entries()) {
      for (const path of await manifestFiles(directory)) {
        present.add(path)
        try {
          this.#take(path, await this.#read(path), root)
        } catch (error) {
          unreadable.push(
            fileProblem(
              this.#nameOf(path),
              `cannot be read: ${describeError(error)}`,
              'see that it can be read',
            ),
          )
        }
      }
    }
    for (const path of this.#files.keys()) if (!present.has(path)) this.#files.delete(path)
    const files = [...present].flatMap((path) => this.#files.get(path) ?? [])
    const problems = inOrder([...unreadable, ...manifestProblems(files.map(({ checked }) => checked))])
    this.#last = combine(files)
    const objects = files.flatMap(({ checked }) => checked.objects)
    const kept = new Set(files.flatMap((file) => (file.kept ? [file.checked.path] : [])))
    return { desired: this.#last, objects, problems: problems.map((problem) => withFate(problem, kept)) }
  }

  /** Calls `changed` with the state after every change of a file, until `close`. */
  watch(changed: (manifests: Manifests) => void): void {
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
          const problem = fileProblem(
            '',
            describeError(error),
            'put the directory back, or start anew with another',
          )
          changed({ desired: this.#last, objects: [], problems: [{ ...problem, file: null }] })
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

  #take(path: string, text: string, root: number): void {
    const before = this.#files.get(path)
    if (before?.text === text) return
    const checked = checkFile(this.#nameOf(path), text, root)
    const good = checked.problems.length === 0 && !checked.objects.some(({ refused }) => refused)
    const keep = !good && before?.everGood === true
    this.#files.set(path, {
      text,
      checked,
      objects: keep ? before.objects : checked.objects.flatMap(({ parsed }) => parsed ?? []),
      everGood: good || keep,
      kept: keep,
    })
  }

  async #read(path: string): Promise<string> {
    const text = await readFile(path, 'utf8')
    if (text.trim() !== '' || !this.#files.get(path)?.objects.length) return text
    await delay(EMPTY_GRACE_MS)
    return readFile(path, 'utf8')
  }
}

function withFate(problem: Problem, kept: ReadonlySet<string>): Problem {
  if (problem.severity !== 'error' || !kept.has(problem.file ?? '')) return problem
  return { ...problem, remedy: `${problem.remedy} (what the file said before stays in force)` }
}

/** One that is used and that no file has. */
function bareNamespace(name: string): NamespaceObject {
  return { name, labels: {}, annotations: {} }
}

/** Of an object that is there twice the first counts, but of several directories the last one's. */
function combine(files: readonly FileState[]): DesiredState {
  const namespaces = new Map<string, NamespaceObject>([['default', bareNamespace('default')]])
  const serviceAccounts = new Set<string>()
  const configMaps = new Map<string, ConfigObject>()
  const secrets = new Map<string, ConfigObject>()
  const workloads = new Map<string, Workload>()
  const cronJobs = new Map<string, CronJobObject>()
  const pods = new Map<string, PodObject>()
  const services = new Map<string, ServiceObject>()
  const networkPolicies = new Map<string, NetworkPolicy>()
  const roots = new Map<string, number>()
  for (const { objects, checked } of files) {
    for (const { kind, object } of objects) {
      const key = 'namespace' in object ? keyOf(object) : object.name
      const id = kind === 'Workload' ? workloadKey(object) : `${kind} ${key}`
      if (roots.get(id) === checked.root) continue
      roots.set(id, checked.root)
      if ('namespace' in object && !namespaces.has(object.namespace)) {
        namespaces.set(object.namespace, bareNamespace(object.namespace))
      }
      if (kind === 'Namespace') namespaces.set(object.name, object)
      else if (kind === 'ServiceAccount') serviceAccounts.add(key)
      else if (kind === 'ConfigMap') configMaps.set(key, object)
      else if (kind === 'Secret') secrets.set(key, object)
      else if (kind === 'Workload') workloads.set(id, object)
      else if (kind === 'CronJob') cronJobs.set(key, object)
      else if (kind === 'Pod') pods.set(key, object)
      else if (kind === 'Service') services.set(key, object)
      else if (kind === 'NetworkPolicy') networkPolicies.set(key, object)
    }
  }
  return {
    namespaces,
    serviceAccounts,
    configMaps,
    secrets,
    workloads,
    cronJobs,
    pods,
    services,
    networkPolicies,
  }
}

/** The manifests in a directory and those below it, in order. Rejects when it cannot be read. */
export async function manifestFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true })
  return names
    .filter(isManifest)
    .sort()
    .map((name) => join(directory, name))
}

function isManifest(path: string): boolean {
  return MANIFEST.test(path) && !HIDDEN.test(path)
}
