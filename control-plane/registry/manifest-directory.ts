import { readFileSync, statSync, watch, type FSWatcher } from 'node:fs'
import { relative, resolve } from 'node:path'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { scanDirectory } from './directory-scan.ts'
import { readDocuments } from './documents.ts'
import type { MeshObject } from './kinds/kinds.ts'
import { keyOf, type Meta } from './kinds/meta.ts'
import type { ObjectReference } from './object-reference.ts'
import { parseManifests, type Revise } from './parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT, type Change, type Snapshot } from './snapshot.ts'
import { formatSourceError, type Source, type SourceError } from './source.ts'

export interface ManifestDirectoryOptions {
  /** Of one object in several directories the last directory's counts. */
  readonly directories: readonly string[]
  readonly log: Logger
  readonly clock?: Clock
  /** Events of one edit are taken together. Milliseconds. */
  readonly debounceMs?: number
  /**
   * Looks at every file again, in case the system told nothing (network file systems, an event that is lost).
   * Milliseconds; later where looking takes long.
   */
  readonly rescanMs?: number
  /** What is read of a document instead of what its file says. */
  readonly revise?: Revise
}

const DEBOUNCE_MS = 15
const RESCAN_MS = 500
/** Of the time at most this part goes into looking again. */
const RESCAN_SHARE = 0.02
/** An editor that writes in place empties the file first: emptiness counts only once it has lasted. */
const EMPTY_GRACE_MS = 100
const MAX_FILE_BYTES = 16 * 1024 * 1024

interface FileEntry {
  readonly path: string
  state: string
  text: string
  root: number
  origin: string
  objects: readonly { readonly object: MeshObject; readonly line: number }[]
  errors: readonly SourceError[]
  everGood: boolean
  emptySince: number | undefined
}

interface Owner {
  readonly object: MeshObject
  readonly root: number
  readonly path: string
}

/**
 * Manifests of directories and what is below them, read again as they change. A file with a mistake
 * keeps its last good state; one that never had a good state contributes the objects that are right.
 * @throws WeftError `registry.no_directory` when a directory is not there at the start.
 */
export class ManifestDirectorySource implements Source {
  readonly snapshot: Watched<Snapshot>
  readonly errors: Watched<readonly SourceError[]>
  readonly #roots: readonly string[]
  readonly #log: Logger
  readonly #clock: Clock
  readonly #debounceMs: number
  readonly #rescanMs: number
  readonly #revise: Revise | undefined
  readonly #files = new Map<string, FileEntry>()
  readonly #watchers = new Map<string, FSWatcher>()
  #objects = new Map<string, MeshObject>()
  #cancelScan: (() => void) | undefined
  #cancelRescan: (() => void) | undefined
  #closed = false

  constructor(options: ManifestDirectoryOptions) {
    this.#roots = options.directories.map((directory) => resolve(directory))
    this.#log = options.log
    this.#clock = options.clock ?? systemClock
    this.#debounceMs = options.debounceMs ?? DEBOUNCE_MS
    this.#rescanMs = options.rescanMs ?? RESCAN_MS
    this.#revise = options.revise
    for (const [index, root] of this.#roots.entries()) {
      if (!isDirectory(root)) {
        const text = `${options.directories[index]} is not a directory that can be read`
        throw new WeftError('registry.no_directory', text, { field: `directories[${index}]` })
      }
    }
    this.snapshot = new Watched(EMPTY_SNAPSHOT)
    this.errors = new Watched<readonly SourceError[]>([])
    this.#scan()
    this.#planRescan()
  }

  /** Reads what the files say once more, because they are to be revised otherwise. */
  reread(): void {
    if (this.#closed) return
    for (const entry of this.#files.values()) this.#take(entry, entry.text)
    this.#publish()
  }

  /** An object as its file says it now; undefined: no file does. */
  document({ kind, namespace, name }: ObjectReference): unknown {
    const isIt = (meta: Meta): boolean => meta.namespace === namespace && meta.name === name
    const files = [...this.#files].sort(byRootAndPath).map(([, entry]) => entry)
    // Of an object in several directories the last directory's counts.
    const file = files.findLast(({ objects }) =>
      objects.some(({ object }) => object.kind === kind && isIt(object.meta)),
    )
    const { documents } = readDocuments(file?.text ?? '')
    return documents.map(({ value }) => value).find((value) => isNamed(value, { kind, namespace, name }))
  }

  close(): void {
    this.#closed = true
    this.#cancelScan?.()
    this.#cancelRescan?.()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #planRescan(tookMs = 0): void {
    this.#cancelRescan = this.#clock.after(Math.max(this.#rescanMs, tookMs / RESCAN_SHARE), () => {
      if (this.#closed) return
      const began = performance.now()
      this.#scan()
      this.#planRescan(performance.now() - began)
    })
  }

  #scanSoon(ms = this.#debounceMs): void {
    if (this.#closed || this.#cancelScan) return
    this.#cancelScan = this.#clock.after(ms, () => {
      this.#cancelScan = undefined
      this.#scan()
    })
  }

  #scan(): void {
    if (this.#closed) return
    const seen = new Set<string>()
    const directories = new Set<string>()
    let changed = false
    for (const [index, root] of this.#roots.entries()) {
      let scan = scanDirectory(root)
      // A file may come between the listing and the watch: list again once new directories are watched.
      if (this.#watch(scan.directories)) scan = scanDirectory(root)
      for (const directory of scan.directories) directories.add(directory)
      for (const [path, state] of scan.files) {
        if (seen.has(path)) continue
        seen.add(path)
        if (this.#files.get(path)?.state !== state && this.#read(path, state, index)) changed = true
      }
    }
    for (const path of this.#files.keys()) if (!seen.has(path)) changed = this.#files.delete(path)
    for (const [directory, watcher] of this.#watchers) {
      if (directories.has(directory)) continue
      watcher.close()
      this.#watchers.delete(directory)
    }
    if (changed) this.#publish()
  }

  #watch(directories: ReadonlySet<string>): boolean {
    let added = false
    for (const directory of directories) {
      if (this.#watchers.has(directory)) continue
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#scanSoon())
        watcher.on('error', () => this.#scanSoon())
        this.#watchers.set(directory, watcher)
        added = true
      } catch (error) {
        // Out of inotify watches: the rescan finds the changes, later.
        this.#log.warn('directory cannot be watched, it is looked at now and then instead', {
          directory,
          error: describeError(error),
        })
      }
    }
    return added
  }

  /** True when the file's objects or errors changed. */
  #read(path: string, state: string, root: number): boolean {
    const before = this.#files.get(path)
    const origin = relative(this.#roots[root] ?? '', path)
    let text: string
    try {
      text = readText(path)
    } catch (error) {
      if (isMissing(error)) return false
      const entry = before ?? newEntry(root, origin, path)
      entry.state = state
      entry.errors = [{ origin, file: path, line: undefined, field: '', message: describeError(error) }]
      this.#files.set(path, entry)
      return true
    }
    if (text.trim() === '' && before && before.objects.length > 0) {
      before.emptySince ??= this.#clock.now()
      const left = before.emptySince + EMPTY_GRACE_MS - this.#clock.now()
      if (left > 0) {
        this.#scanSoon(left)
        return false
      }
    }
    const same = before?.text === text
    const entry = before ?? newEntry(root, origin, path)
    entry.state = state
    entry.text = text
    entry.emptySince = undefined
    if (same) return false
    this.#take(entry, text)
    this.#files.set(path, entry)
    return true
  }

  #take(entry: FileEntry, text: string): void {
    const parsed = parseManifests(entry.origin, text, this.#revise)
    const good = parsed.errors.length === 0
    entry.errors = parsed.errors.map((error) => ({ ...error, file: entry.path }))
    if (good || !entry.everGood) entry.objects = keepUnchanged(entry.objects, parsed.objects)
    entry.everGood ||= good
  }

  #publish(): void {
    const owners = new Map<string, Owner>()
    const errors: SourceError[] = []
    for (const [path, file] of [...this.#files].sort(byRootAndPath)) {
      errors.push(...file.errors)
      for (const { object, line } of file.objects) {
        const id = `${object.kind} ${keyOf(object.meta)}`
        const owner = owners.get(id)
        if (owner?.root === file.root) {
          const other = this.#files.get(owner.path)?.origin ?? owner.path
          const message = `${id} is also in ${other}: the one there counts`
          errors.push({
            origin: file.origin,
            file: path,
            line,
            object: { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name },
            field: 'metadata.name',
            message,
            remedy: 'keep one of the two',
          })
        } else owners.set(id, { object, root: file.root, path })
      }
    }
    const changes: Change[] = []
    const objects = new Map<string, MeshObject>()
    for (const [id, { object }] of owners) {
      objects.set(id, object)
      if (this.#objects.get(id) !== object) changes.push({ op: 'put', object })
    }
    for (const [id, object] of this.#objects) {
      if (!objects.has(id)) changes.push({ op: 'delete', kind: object.kind, key: keyOf(object.meta) })
    }
    this.#objects = objects
    this.#report(errors)
    this.snapshot.set(applyChanges(this.snapshot.value, changes))
  }

  #report(errors: readonly SourceError[]): void {
    const told = new Set(this.errors.value.map(formatSourceError))
    for (const error of errors) {
      const text = formatSourceError(error)
      if (!told.has(text)) this.#log.error(text)
    }
    if (errors.length > 0 || told.size > 0) this.errors.set(errors)
  }
}

/** Later directories come later, so that their objects replace those of earlier ones. */
function byRootAndPath([a, one]: [string, FileEntry], [b, two]: [string, FileEntry]): number {
  return one.root - two.root || (a < b ? -1 : 1)
}

function newEntry(root: number, origin: string, path: string): FileEntry {
  return {
    path,
    state: '',
    text: '',
    root,
    origin,
    objects: [],
    errors: [],
    everGood: false,
    emptySince: undefined,
  }
}

/** Objects that read the same stay the same, so that only what an edit touched is worked out again. */
function keepUnchanged(before: FileEntry['objects'], now: FileEntry['objects']): FileEntry['objects'] {
  const known = new Map(before.map((entry) => [JSON.stringify(entry.object), entry.object]))
  return now.map(({ object, line }) => ({ line, object: known.get(JSON.stringify(object)) ?? object }))
}

function readText(path: string): string {
  if (statSync(path).size > MAX_FILE_BYTES) {
    throw new WeftError('registry.too_large', `file is larger than ${MAX_FILE_BYTES} bytes`)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isNamed(value: unknown, { kind, namespace, name }: ObjectReference): boolean {
  const { kind: said, metadata } = (value ?? {}) as Readonly<Record<string, unknown>>
  const meta = (metadata ?? {}) as Readonly<Record<string, unknown>>
  return said === kind && meta['name'] === name && (meta['namespace'] ?? 'default') === namespace
}
