import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, WeftError } from '../../core/errors.ts'
import { openInput } from '../../local/manifest/inputs.ts'

export interface InputText {
  /** For errors: the path of a file or a kustomize folder, or `stdin`. */
  readonly origin: string
  readonly text: string
}

/** Not hidden, nor what an editor leaves. */
const MANIFEST = /(^|\/)[^./#~][^/]*\.(yaml|yml|json)$/

/**
 * The texts of files, of directories with all below them, of kustomize folders, and of `-`, in this order: what
 * `weft local up -f` reads. Throws WeftError `local.manifests`, `inject.file` or `cli.flags`.
 */
export async function readInputs(paths: readonly string[]): Promise<readonly InputText[]> {
  if (paths.filter((path) => path === '-').length > 1)
    throw new WeftError('cli.flags', 'standard input (-) can be read once', { field: '--filename' })
  const texts: InputText[] = []
  for (const path of paths) {
    const { input } = await openInput(path, process.stdin)
    if (input.type === 'text') texts.push({ origin: input.name, text: input.text })
    else texts.push(...readFolder(path))
  }
  return texts
}

function readFolder(folder: string): readonly InputText[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    MANIFEST.test(file),
  )
  if (files.length === 0)
    throw new WeftError('inject.file', 'has no file that ends in .yaml, .yml or .json', { field: folder })
  return files.sort().map((file) => ({ origin: join(folder, file), text: readText(join(folder, file)) }))
}

/** A file as text. Throws WeftError `inject.file`. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : describeError(error)
    throw new WeftError('inject.file', `can't be read (${reason})`, { field: file })
  }
}
