import { readTextFile } from '../../certs/private-file.ts'
import { WeftError } from '../../core/errors.ts'

/** A file that a bootstrap names, relative to the working directory as in Envoy. Throws WeftError `file.*`. */
export function readPemFile(path: string): string {
  const text = readTextFile(path)
  if (text === undefined)
    throw new WeftError('file.read', `there is no file ${path}: put it there or correct the path`)
  return text
}
