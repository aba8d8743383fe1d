import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { CNI_PLUGIN } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { LOADER_VARIABLE, ROOT_VARIABLE } from './shipped-command.ts'

/** What is copied to a node. */
export interface Shipped {
  readonly node: string
  readonly nsenter: string
  /** The folder with iptables-restore and its kin. */
  readonly iptables: string
  /** The folder of iptables' extensions; undefined where iptables knows it by itself. */
  readonly extensions: string | undefined
  /** The folder of this program's bundle, with plugin.cjs. */
  readonly bundle: string
}

export interface NodeFolders {
  /** Where runtimes look for plugins, such as /opt/cni/bin. */
  readonly bin: string
  /** A folder of the plugin's own. Its path is the same on the node and in the container. */
  readonly state: string
}

const TABLES = ['iptables', 'ip6tables'].flatMap((family) =>
  ['', '-nft', '-legacy'].flatMap((backend) =>
    ['-save', '-restore'].map((action) => `${family}${backend}${action}`),
  ),
)

/**
 * Puts the plugin on the node: its program, Node.js, nsenter and iptables with the libraries that they are linked with, so
 * that the node needs nothing but a shell; then, in one step, the program that runtimes call. A version that is there
 * already is left. Throws a WeftError `cni.install`.
 */
export function installProgram(folders: NodeFolders, shipped: Shipped, version: string): void {
  const root = join(folders.state, `${version}-${digestOf(shipped.bundle)}`)
  if (!existsSync(root)) fill(root, shipped)
  const loader = readdirSync(join(root, 'lib')).find((name) => name.startsWith('ld-'))
  if (loader === undefined) throw new WeftError('cni.install', 'Node.js is linked with no loader')
  mkdirSync(folders.bin, { recursive: true })
  const program = join(folders.bin, CNI_PLUGIN)
  const before = existsSync(program) ? readFileSync(program, 'utf8') : ''
  replaceProgram(program, launcher(root, loader))
  // The last one stays: a call that began with it may still be reading it.
  const kept = [root, /^root=(.*)$/m.exec(before)?.[1]]
  for (const name of readdirSync(folders.state)) {
    const path = join(folders.state, name)
    if (!kept.includes(path)) rmSync(path, { recursive: true, force: true })
  }
}

/** Takes all of it away. */
export function removeProgram(folders: NodeFolders): void {
  rmSync(join(folders.bin, CNI_PLUGIN), { force: true })
  for (const name of readdirSync(folders.state))
    rmSync(join(folders.state, name), { recursive: true, force: true })
}

/** Whether runtimes find the program, and it what it needs. */
export function isProgramThere(folders: NodeFolders): boolean {
  try {
    const text = readFileSync(join(folders.bin, CNI_PLUGIN), 'utf8')
    return existsSync(join(/^root=(.*)$/m.exec(text)?.[1] ?? '', 'weft/plugin.cjs'))
  } catch {
    return false
  }
}

function launcher(root: string, loader: string): string {
  return `#!/bin/sh
# The CNI plugin of the service mesh Weft. It is the whole program, in the network namespace of the pod if there is one.
root=${root}
export ${ROOT_VARIABLE}="$root" ${LOADER_VARIABLE}=${loader} XTABLES_LIBDIR="$root/xtables"
# Not what the runtime was started with: it is about other programs.
unset NODE_OPTIONS NODE_PATH LD_LIBRARY_PATH LD_PRELOAD
with() { program=$1; shift; exec "$root/lib/${loader}" --library-path "$root/lib" "$root/bin/$program" "$@"; }
set -- "$root/lib/${loader}" --library-path "$root/lib" "$root/bin/node" "$root/weft/plugin.cjs"
case "$CNI_COMMAND" in
  ADD|CHECK|DEL) [ -z "$CNI_NETNS" ] || [ ! -e "$CNI_NETNS" ] || with nsenter --net="$CNI_NETNS" -- "$@" ;;
esac
exec "$@"
`
}

function fill(root: string, shipped: Shipped): void {
  const work = `${root}.new`
  rmSync(work, { recursive: true, force: true })
  for (const folder of ['bin', 'lib']) mkdirSync(join(work, folder), { recursive: true })
  const tables = TABLES.map((name) => join(shipped.iptables, name)).filter((path) => existsSync(path))
  if (tables.length === 0)
    throw new WeftError('cni.install', `there is no iptables-restore in ${shipped.iptables}`)
  const programs = [shipped.node, shipped.nsenter, ...tables]
  for (const path of programs) copyProgram(path, join(work, 'bin', basename(path)))
  const extensions = shipped.extensions === undefined ? [] : filesOf(shipped.extensions)
  mkdirSync(join(work, 'xtables'))
  for (const path of extensions) copyFileSync(realpathSync(path), join(work, 'xtables', basename(path)))
  // Extensions are linked with what iptables itself is.
  for (const path of new Set(programs.flatMap(librariesOf)))
    copyProgram(path, join(work, 'lib', basename(path)))
  cpSync(shipped.bundle, join(work, 'weft'), { recursive: true, dereference: true })
  renameSync(work, root)
}

function copyProgram(from: string, to: string): void {
  copyFileSync(realpathSync(from), to)
  chmodSync(to, 0o755)
}

function filesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.so'))
    .map((name) => join(folder, name))
}

/** What the loader would load for a program (ld.so(8), LD_TRACE_LOADED_OBJECTS), and itself. */
function librariesOf(path: string): string[] {
  const said = execFileSync(path, { env: { LD_TRACE_LOADED_OBJECTS: '1' }, encoding: 'utf8' })
  return [...said.matchAll(/(\/\S+) \(0x[0-9a-f]+\)/g)].map(([, library = '']) => library)
}

function digestOf(folder: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(folder, name)
    if (/\.(mjs|cjs)$/.test(name)) hash.update(name).update(readFileSync(path))
  }
  return hash.digest('hex').slice(0, 12)
}

function replaceProgram(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`)
  writeFileSync(temporary, text, { mode: 0o755 })
  chmodSync(temporary, 0o755)
  renameSync(temporary, path)
}
