import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const PROJECT = join(import.meta.dirname, '../..')

/**
 * What the golden file at `path` holds, to compare with the text that was `made`. With UPDATE_GOLDEN=1, and only
 * then, writes `made` there first.
 *
 * @throws Error that tells the command for a file that is not there: a case that nobody looked at holds nothing.
 */
export function goldenText(
  path: string,
  made: string,
  update = process.env['UPDATE_GOLDEN'] === '1',
): string {
  if (update) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, made)
  }
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(
      `${relative(PROJECT, path)} cannot be read; run its test with UPDATE_GOLDEN=1 to write it, and read what that wrote`,
      { cause: error },
    )
  }
}
