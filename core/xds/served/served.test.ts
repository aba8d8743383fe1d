import t from 'tap'
import { isMessageType, type MessageType } from '../codec.ts'
import { messageType } from '../message-types.ts'
import { SECTIONS, SERVED } from './index.ts'
import type { Fields } from './table.ts'

/** Every list of fields of the table, with its message and where it stands. */
function* everyList(): Generator<[place: string, type: MessageType<unknown>, fields: Fields]> {
  for (const [name, fields] of SERVED) {
    const type = messageType(name)
    if (!type) throw new Error(`there is no codec of ${name}`)
    yield* listsIn(name, type, fields)
  }
}

function* listsIn(
  place: string,
  type: MessageType<unknown>,
  fields: Fields,
): Generator<[place: string, type: MessageType<unknown>, fields: Fields]> {
  yield [place, type, fields]
  for (const [name, { within }] of Object.entries(fields)) {
    const inner = type.fields.byName.get(name)?.type
    if (within && inner && isMessageType(inner)) yield* listsIn(`${place}.${name}`, inner, within)
  }
}

t.test('every row is a field of its message, of a type that can be read', async (t) => {
  for (const [place, type, fields] of everyList()) {
    for (const [name, row] of Object.entries(fields)) {
      const field = type.fields.byName.get(name)
      t.equal(field?.name, name, `${place}.${name}`)
      t.not(field?.type, 'opaque', `${place}.${name}`)
      const any = field?.type === messageType('google.protobuf.Any')
      t.equal(row.types !== undefined, any, `${place}.${name} has types because it is an Any`)
      for (const one of row.types ?? []) t.ok(SERVED.has(one), `${place}.${name}: ${one} is in the table`)
      if (row.keys) t.ok(field?.map, `${place}.${name} has keys because it is a map`)
      if (field && isMessageType(field.type) && !any)
        t.ok(SERVED.has(field.type.typeName), `${place}.${name}: ${field.type.typeName} is in the table`)
      else t.equal(row.within, undefined, `${place}.${name} is a message`)
    }
  }
})

t.test('no message stands in two areas', async (t) => {
  const names = SECTIONS.flatMap(([, messages]) => Object.keys(messages))
  t.same(names, [...new Set(names)])
})

t.test('every message is reached from a file, with the rows of its own', async (t) => {
  const reached = new Set<string>()
  const visit = (type: MessageType<unknown>, fields: Fields): void => {
    for (const [name, { types = [], within }] of Object.entries(fields)) {
      for (const one of types) enter(one)
      const inner = type.fields.byName.get(name)?.type
      if (!inner || !isMessageType(inner)) continue
      if (within) visit(inner, within)
      else enter(inner.typeName)
    }
  }
  const enter = (name: string): void => {
    if (reached.has(name)) return
    reached.add(name)
    const type = messageType(name)
    if (type) visit(type, SERVED.get(name) ?? {})
  }
  enter('envoy.config.bootstrap.v3.Bootstrap')
  const unreached = [...SERVED].filter(([name]) => !reached.has(name))
  t.same(
    unreached.filter(([, fields]) => Object.keys(fields).length > 0).map(([name]) => name),
    [],
  )
})
