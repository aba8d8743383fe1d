import { existsSync, readFileSync, statSync, watch } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { outOfBounds } from '../../control-plane/registry/yaml-bounds.ts'
import { WeftError, describeError } from '../../core/errors.ts'
import { runCommand } from '../node/run-command.ts'

/** Where manifests come from. Directories are read where they are; of everything else the text is passed on. */
export type ManifestInput =
  | { readonly type: 'directory'; readonly path: string }
  /** `name` is what its user calls it: the path of a file or of a kustomize folder, or `stdin`. */
  | { readonly type: 'text'; readonly name: string; readonly text: string }

export interface OpenInput {
  readonly input: ManifestInput
  /** Tells the text again after each change, or why there is none, until the returned function is called. */
  watch(changed: (text: string) => void, failed: (message: string) => void): () => void
}

/** What a text is called where a full path is wanted. */
export function fullName(name: string): string {
  return name === STDIN ? name : resolve(name)
}

const STDIN = 'stdin'
const KUSTOMIZATION = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']
const SETTLE_MS = 50
/** Fields of a kustomization that name other folders. */
const FOLDERS = ['resources', 'bases', 'components']

/**
 * Opens one `-f`: a directory of manifests, a kustomize folder (put together by kubectl or kustomize), a file, or `-` for
 * `stdin`. Throws a WeftError with the field `-f` that says what is wrong with it.
 */
export async function openInput(path: string, stdin: Readable): Promise<OpenInput> {
  if (path === '-') return { input: await textOf(STDIN, () => text(stdin)), watch: () => () => {} }
  if (/^https?:\/\//.test(path)) {
    throw refused(`${path} is no file: fetch it, as in \`curl -fsSL ${path} | weft local up -f -\``)
  }
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw refused(`${path} is not there: it must be a directory, a file, or - for stdin`)
  const absolute = resolve(path)
  if (!stats.isDirectory()) {
    const read = async () => readFileSync(absolute, 'utf8')
    const isMeant = (file: string) => file === basename(absolute)
    return followed(path, read, () => [{ path: dirname(absolute), recursive: false }], isMeant)
  }
  if (!isKustomization(absolute)) {
    return { input: { type: 'directory', path: absolute }, watch: () => () => {} }
  }
  const folders = () => kustomizeFolders(absolute).map((folder) => ({ path: folder, recursive: true }))
  return followed(
    path,
    () => kustomize(absolute),
    folders,
    () => true,
  )
}

async function textOf(name: string, read: () => Promise<string>): Promise<ManifestInput> {
  try {
    return { type: 'text', name, text: await read() }
  } catch (error) {
    throw error instanceof WeftError ? error : refused(`${name} cannot be read: ${describeError(error)}`)
  }
}

async function followed(
  name: string,
  read: () => Promise<string>,
  places: () => { path: string; recursive: boolean }[],
  isMeant: (file: string) => boolean,
): Promise<OpenInput> {
  const input = await textOf(name, read)
  return {
    input,
    watch(changed, failed) {
      let timer: NodeJS.Timeout | undefined
      const again = () => read().then(changed, (error: unknown) => failed(`${name}: ${describeError(error)}`))
      const watchers = places().map(({ path, recursive }) =>
        watch(path, { recursive }, (_event, file) => {
          if (file !== null && !isMeant(file)) return
          clearTimeout(timer)
          timer = setTimeout(() => void again(), SETTLE_MS)
        }),
      )
      return () => {
        clearTimeout(timer)
        for (const watcher of watchers) watcher.close()
      }
    },
  }
}

function isKustomization(folder: string): boolean {
  return KUSTOMIZATION.some((file) => existsSync(join(folder, file)))
}

/** The folder and those of this machine that it is made from. */
function kustomizeFolders(folder: string, seen = new Set<string>()): string[] {
  if (seen.has(folder)) return []
  seen.add(folder)
  const file = KUSTOMIZATION.map((name) => join(folder, name)).find((path) => existsSync(path))
  let content: unknown
  try {
    const text = file === undefined ? '' : readFileSync(file, 'utf8')
    content = outOfBounds(text) === undefined ? parse(text) : undefined
  } catch {
    // Whoever puts it together says what is wrong with it.
  }
  const fields = (content ?? {}) as Readonly<Record<string, unknown>>
  const entries = FOLDERS.flatMap((name) => (Array.isArray(fields[name]) ? (fields[name] as unknown[]) : []))
  const others = entries
    .filter((entry) => typeof entry === 'string')
    .map((entry) => resolve(folder, entry))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
  return [folder, ...others.flatMap((other) => kustomizeFolders(other, seen))]
}

async function kustomize(folder: string): Promise<string> {
  for (const argv of [
    ['kubectl', 'kustomize', folder],
    ['kustomize', 'build', folder],
  ]) {
    const result = await runCommand(argv, { env: process.env as Record<string, string> }).catch(
      () => undefined,
    )
    if (result?.code === 0) return result.stdout
    if (result) throw refused(`${argv[0]} cannot put ${folder} together: ${result.stderr.trim()}`)
  }
  throw refused(
    `${folder} is a kustomize folder, and neither kubectl nor kustomize is on this machine: install one of them, or pass what it gives elsewhere with -f -`,
  )
}

function refused(message: string): WeftError {
  return new WeftError('local.manifests', message, { field: '-f' })
}
