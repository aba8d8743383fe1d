import { readFileSync } from 'node:fs'
import t from 'tap'
import { isMessageType } from '../../core/xds/codec.ts'
import { SUBSET } from './subset.ts'
import { renderSubset } from './testing/render-subset.ts'

t.test('the document lists what is read, and nothing else', async (t) => {
  const document = readFileSync(new URL('../../docs/bootstrap.md', import.meta.url), 'utf8')
  // The formatter pads tables.
  const rows = (text: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith('|') || line.startsWith('###'))
      .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-'))
  t.same(rows(document), rows(renderSubset()))
})

t.test('every field of the subset is one of its message, and can be read', async (t) => {
  for (const { type, fields, required } of SUBSET.values()) {
    for (const name of [...fields.keys(), ...required]) {
      const field = type.fields.byName.get(name)
      t.equal(field?.name, name, `${type.typeName}.${name}`)
      t.not(field?.type, 'opaque', `${type.typeName}.${name}`)
      if (field && isMessageType(field.type) && field.type.typeName !== 'google.protobuf.Any')
        t.ok(
          SUBSET.has(field.type.typeName),
          `${type.typeName}.${name}: ${field.type.typeName} is in the subset`,
        )
    }
  }
})
