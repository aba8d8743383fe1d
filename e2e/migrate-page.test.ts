import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { migrateTexts } from '../cli/migrate/migrate-texts.ts'
import { yamlOf } from '../cli/migrate/print.ts'
import { fencesOf } from './document-fences.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../docs/traffic.md'), 'utf8')

for (const [mesh, title, count] of [
  ['istio', 'From Istio', 2],
  ['linkerd', 'From Linkerd', 2],
] as const)
  t.test(`${title}: what each example becomes is what weft migrate prints`, async (t) => {
    const chapter = PAGE.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ''
    const examples = fencesOf(chapter).filter(({ language }) => language === 'yaml')
    t.equal(examples.length, 2 * count)
    for (let at = 0; at < examples.length; at += 2) {
      const [given, printed] = examples.slice(at, at + 2)
      const { migrated } = migrateTexts(mesh, [{ origin: 'page', text: given?.text ?? '' }], 'default')
      t.equal(yamlOf(migrated).trimEnd(), printed?.text)
    }
  })
