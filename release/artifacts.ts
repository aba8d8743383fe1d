import { createHash } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** A file of a release. */
export interface Artifact {
  /** In the folder of the release. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** Writes image layouts; a blob that several of them have is one file on disk. */
export class LayoutWriter {
  readonly #written = new Map<string, string>()

  /** `files`: by path in `folder`, which is made. */
  write(folder: string, files: ReadonlyMap<string, Buffer>): void {
    for (const [path, content] of files) {
      const target = join(folder, path)
      mkdirSync(dirname(target), { recursive: true })
      const same = path.startsWith('blobs/') ? this.#written.get(path) : undefined
      if (same === undefined) writeFileSync(target, content)
      else linkSync(same, target)
      this.#written.set(path, target)
    }
  }
}

/** All files below a folder with their sums, by path. */
export function artifactsOf(folder: string): Artifact[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((path) => {
      const content = readFileSync(path)
      const sha256 = createHash('sha256').update(content).digest('hex')
      return { path: relative(folder, path), bytes: content.length, sha256 }
    })
}

/** As `sha256sum --check` reads it. */
export function checksumsText(artifacts: readonly Artifact[]): string {
  return artifacts.map(({ sha256, path }) => `${sha256}  ${path}\n`).join('')
}
