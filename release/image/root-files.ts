import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { tar, type TarEntry } from './tar.ts'

/**
 * A file of a root: its text, a copy of one of the machine's (executable if that is), a symbolic link, or a directory with
 * these permission bits.
 */
export type RootFile =
  | string
  | { readonly from: string }
  | { readonly link: string }
  | { readonly directory: number }

/** Absolute path in the root -> file. Directories are made as they are needed. */
export type RootFiles = Readonly<Record<string, RootFile>>

/** The archive of a layer; all in it dates from `seconds` since 1970. */
export function layerOf(files: RootFiles, seconds = 0): Buffer {
  const entries = new Map<string, TarEntry>()
  const directory = (path: string) => {
    if (path === '/' || entries.has(path)) return
    directory(dirname(path))
    entries.set(path, { path: path.slice(1), type: 'directory', mode: path === '/tmp' ? 0o1777 : 0o755 })
  }
  for (const [path, file] of Object.entries(files)) {
    directory(dirname(path))
    const name = path.slice(1)
    if (typeof file === 'string') {
      entries.set(path, { path: name, type: 'file', mode: 0o644, content: Buffer.from(file) })
    } else if ('link' in file) {
      entries.set(path, { path: name, type: 'link', mode: 0o777, target: file.link })
    } else if ('directory' in file) {
      entries.set(path, { path: name, type: 'directory', mode: file.directory })
    } else {
      const mode = (statSync(file.from).mode & 0o111) === 0 ? 0o644 : 0o755
      entries.set(path, { path: name, type: 'file', mode, content: readFileSync(file.from) })
    }
  }
  return tar([...entries.values()], seconds)
}

/** A program of the machine at `path` of a root, with the libraries that it is linked with, where the machine has them. */
export function programFiles(path: string, from = path): RootFiles {
  const said = execFileSync('ldd', [from], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const libraries = [...said.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library)
  const files: Record<string, RootFile> = { [path]: { from: realpathSync(from) } }
  for (const library of libraries) {
    const [, top = ''] = library.split('/')
    // Where /lib is a link into /usr, it is one in the root, too: programs look for modules by either name.
    if (lstatSync(`/${top}`).isSymbolicLink()) files[`/${top}`] = { link: readlinkSync(`/${top}`) }
    files[join(realpathSync(dirname(library)), basename(library))] = { from: realpathSync(library) }
  }
  return files
}

/** All files of a folder of the machine, at `path` of a root; symbolic links stay links. */
export function folderFiles(path: string, folder: string): RootFiles {
  const files: Record<string, RootFile> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name)
    const target = join(path, source.slice(folder.length))
    if (entry.isFile()) files[target] = { from: source }
    else if (entry.isSymbolicLink()) files[target] = { link: readlinkSync(source) }
  }
  return files
}
