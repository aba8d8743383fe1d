import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** An object of the cluster, as JSON (which is YAML) in a file of its own. */
interface Stored {
  readonly file: string
  readonly text: string
}

interface Identified {
  readonly kind: string
  readonly metadata: { readonly namespace?: string; readonly name: string }
}

/** The objects that controllers made, as files that appear and change as a whole: for the control plane. */
export class ObjectDirectory {
  readonly path: string
  /** A file in it, which is none of the objects: what is wrong on this machine, for the control plane. */
  readonly problems: string
  /** A directory on the same file system. */
  readonly scratch: string
  #stored = new Map<string, Stored>()

  /** `scratch` is a directory on the same file system, so that a watcher sees finished files only. */
  constructor(path: string, scratch: string) {
    this.path = path
    // Hidden, so that nobody reads it as a manifest.
    this.problems = join(path, '.problems.json')
    this.scratch = scratch
  }

  async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o755 })
    await mkdir(this.scratch, { recursive: true, mode: 0o755 })
  }

  /** Makes the directory hold exactly these objects; files that say the same already are not touched. */
  async replace(objects: readonly object[]): Promise<void> {
    const next = new Map<string, Stored>()
    for (const object of objects) {
      const { kind, metadata } = object as Identified
      const file = `${[kind.toLowerCase(), metadata.namespace, metadata.name].filter(Boolean).join('_')}.yaml`
      next.set(file, { file, text: `${JSON.stringify(object, null, 1)}\n` })
    }
    for (const { file, text } of next.values()) {
      if (this.#stored.get(file)?.text === text) continue
      await writeFile(join(this.scratch, file), text, { mode: 0o644 })
      await rename(join(this.scratch, file), join(this.path, file))
    }
    for (const file of this.#stored.keys())
      if (!next.has(file)) await rm(join(this.path, file), { force: true })
    this.#stored = next
  }
}
