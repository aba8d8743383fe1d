import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { describeError, WeftError } from '../../core/errors.ts'
import { checkFile } from '../problems/check-manifests.ts'
import type { CheckedFile } from '../problems/checked.ts'
import { fullName, openInput } from './inputs.ts'
import { manifestFiles } from './source.ts'

/**
 * Reads what is named by `-f`: directories, kustomize folders, files, or `-` for what `stdin` gives, each object checked by itself.
 * Throws WeftError `cli.flags` for a path that cannot be read or has no manifest in it.
 */
export async function readChecked(paths: readonly string[], stdin: Readable): Promise<CheckedFile[]> {
  const files: CheckedFile[] = []
  for (const [index, path] of paths.entries()) {
    const { input } = await openInput(path, stdin).catch((error: unknown) => {
      throw new WeftError('cli.flags', describeError(error))
    })
    // Of directories a later one replaces what the earlier ones say; files belong together.
    if (input.type === 'text') files.push(checkFile(fullName(input.name), input.text, -1))
    else {
      const found = await manifestFiles(input.path)
      if (found.length === 0) throw unusable(`${path}: there is no .yaml, .yml or .json file in it`)
      for (const file of found) files.push(checkFile(file, await read(file), index))
    }
  }
  return files
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unusable(`${path}: cannot be read: ${describeError(error)}`)
  }
}

function unusable(message: string): WeftError {
  return new WeftError('cli.flags', message, { field: '-f' })
}
