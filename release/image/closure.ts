import { globSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { WeftError } from '../../core/errors.ts'
import type { Architecture } from './architecture.ts'
import { readElf } from './elf.ts'
import type { RootFile, RootFiles } from './root-files.ts'

const SCRIPT = join(import.meta.dirname, '../../deploy/docker/closure.sh')
const COMMAND = 'sh /closure.sh /root-files '
const MOST_LINKS = 40

/**
 * What a `RUN sh /closure.sh /root-files FILE...` of a Dockerfile gives, with the files below `root` for those of its image:
 * they may be of another processor, since nothing of them is run. Throws WeftError `release.file` for what is not there.
 */
export function closureOf(command: string, root: string, architecture: Architecture): RootFiles {
  const closure = new Closure(root, architecture)
  for (const pattern of command.slice(COMMAND.length).trim().split(/\s+/)) {
    const found = globSync(pattern.slice(1), { cwd: root })
    if (found.length === 0)
      throw new WeftError('release.file', `there is no ${pattern} in the files of an image`)
    for (const path of found.toSorted()) closure.add(`/${path}`)
  }
  return { ...closure.files, ...writtenByScript() }
}

class Closure {
  readonly files: Record<string, RootFile> = {}
  readonly #root: string
  readonly #architecture: Architecture

  constructor(root: string, architecture: Architecture) {
    this.#root = root
    this.#architecture = architecture
  }

  /** A file with what it needs; of a directory all that is in it. */
  add(path: string): void {
    const real = this.#real(path)
    if (real !== undefined && lstatSync(join(this.#root, real)).isDirectory())
      for (const entry of readdirSync(join(this.#root, real)).toSorted()) this.add(`${path}/${entry}`)
    else this.#addFile(path)
  }

  #addFile(path: string): void {
    const real = this.#resolved(path)
    if (real in this.files) return
    const from = join(this.#root, real)
    this.files[real] = { from }
    const linked = readElf(readFileSync(from))
    if (!linked) return
    this.#addFile(this.#architecture.linker)
    for (const name of linked.needed)
      if (name !== basename(this.#architecture.linker))
        this.#addFile(this.#library(name, linked.searched, real))
  }

  #library(name: string, searched: readonly string[], user: string): string {
    const { triplet } = this.#architecture
    const own = searched.map((folder) => folder.replace(/\$(ORIGIN|\{ORIGIN\})/, dirname(user)))
    const folders = [...own, `/lib/${triplet}`, `/usr/lib/${triplet}`, '/lib', '/usr/lib']
    const found = folders.map((folder) => join(folder, name)).find((path) => this.#real(path) !== undefined)
    if (found === undefined)
      throw new WeftError('release.file', `${user} needs ${name}, which no package has brought`)
    return found
  }

  /** What `path` is in the end, which becomes a link to that under the name given, and where its folder really is. */
  #resolved(path: string): string {
    const target = this.#real(path)
    if (target === undefined)
      throw new WeftError('release.file', `${path} is not among the files of an image`)
    for (const name of [path, join(this.#real(dirname(path)) ?? '/', basename(path))])
      if (name !== target) this.files[name] ??= { link: target }
    return target
  }

  /** As realpath(3), with the root for /. */
  #real(path: string): string | undefined {
    let done = ''
    let rest = path.split('/').filter(Boolean)
    for (let links = 0; rest.length > 0;) {
      const [next = '', ...more] = rest
      rest = more
      if (next === '..') done = dirname(done).replace(/^\/$|^\.$/, '')
      if (next === '..' || next === '.') continue
      const here = `${done}/${next}`
      const status = lstatSync(join(this.#root, here), { throwIfNoEntry: false })
      if (!status) return undefined
      if (!status.isSymbolicLink()) {
        done = here
        continue
      }
      if (++links > MOST_LINKS) return undefined
      const target = readlinkSync(join(this.#root, here))
      if (target.startsWith('/')) done = ''
      rest = [...target.split('/').filter(Boolean), ...rest]
    }
    return done === '' ? '/' : done
  }
}

/** The users and the folder that closure.sh writes by itself, read there. */
function writtenByScript(): RootFiles {
  const script = readFileSync(SCRIPT, 'utf8')
  const texts = [...script.matchAll(/^cat >"\$root(\S+)" <<.EOF.\n([\s\S]*?)^EOF$/gm)]
  return {
    ...Object.fromEntries(texts.map(([, path = '', text = '']) => [path, text])),
    '/tmp': { directory: 0o1777 },
  }
}
