import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'

const FOLDER = join(import.meta.dirname, '..', 'golden')

/** Compares `text` with the file `golden/<name>`; UPDATE_GOLDEN=1 writes it instead. */
export function matchGolden(t: Test, name: string, text: string): void {
  const path = join(FOLDER, name)
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  t.equal(text, readFileSync(path, 'utf8'), name)
}
