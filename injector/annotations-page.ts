import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { markdownTable, plain, withWritten } from '../core/document.ts'
import { annotationTable } from './annotations.ts'

/** The page whose table this module writes. */
export const ANNOTATIONS_PAGE = fileURLToPath(new URL('../docs/annotations.md', import.meta.url))

const COMMAND = 'node injector/annotations-page.ts'

/** `page` with a table of all annotations between its two marks. */
export function withAnnotations(page: string): string {
  const rows = annotationTable().map(({ name, type, default: preset, doc }) => [
    `\`${name}\``,
    plain(type),
    plain(preset === '' ? 'none' : preset),
    plain(doc),
  ])
  return withWritten(
    page,
    COMMAND,
    markdownTable([['annotation', 'value', 'without it', 'what it does'], ...rows]),
  )
}

if (import.meta.main) writeFileSync(ANNOTATIONS_PAGE, withAnnotations(readFileSync(ANNOTATIONS_PAGE, 'utf8')))
