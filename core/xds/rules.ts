import { isMessageType, type Field, type MessageType } from './codec.ts'
import { messageType } from './message-types.ts'
import { SERVED } from './served/index.ts'
import type { FieldRow, Fields, Source } from './served/table.ts'

/** One row of the table, beside the field that it is about. */
export interface Rule {
  readonly field: Field
  readonly row: FieldRow
  readonly required: boolean
  readonly values: readonly string[] | undefined
  /** Of an Any: what it may hold, by full name. */
  readonly types: ReadonlyMap<string, MessageType<unknown>>
  /** Of a message: its rules where it stands here. Not looked at for other fields. */
  readonly inner: () => Rules
}

export interface Rules {
  readonly type: MessageType<unknown>
  /** By key, as in objects. */
  readonly byKey: ReadonlyMap<string, Rule>
  readonly required: readonly Rule[]
}

const MADE: Readonly<Record<Source, Map<string, Rules>>> = { bootstrap: new Map(), ads: new Map() }

/** What is taken of a message from this source. */
export function rulesOf(type: MessageType<unknown>, source: Source): Rules {
  const made = MADE[source]
  let rules = made.get(type.typeName)
  if (!rules) {
    rules = makeRules(type, SERVED.get(type.typeName) ?? {}, source)
    made.set(type.typeName, rules)
  }
  return rules
}

function makeRules(type: MessageType<unknown>, fields: Fields, source: Source): Rules {
  const rules = Object.entries(fields)
    .filter(([, row]) => row.source === undefined || row.source === source)
    .map(([name, row]) => makeRule(type, name, row, source))
  return {
    type,
    byKey: new Map(rules.map((rule) => [rule.field.key, rule])),
    required: rules.filter(({ required }) => required),
  }
}

function makeRule(type: MessageType<unknown>, name: string, row: FieldRow, source: Source): Rule {
  const field = type.fields.byName.get(name)
  if (!field) throw new Error(`core/xds/served: ${type.typeName} has no field ${name}`)
  let inner: Rules | undefined
  return {
    field,
    row,
    required: row.required ?? false,
    values: row.values,
    types: new Map((row.types ?? []).map((one) => [one, known(one)])),
    // Made when they are asked for: messages may hold themselves.
    inner: () => (inner ??= innerRules(field, row, source)),
  }
}

function innerRules(field: Field, row: FieldRow, source: Source): Rules {
  if (!isMessageType(field.type)) throw new Error(`core/xds/served: ${field.name} is no message`)
  return row.within ? makeRules(field.type, row.within, source) : rulesOf(field.type, source)
}

function known(fullName: string): MessageType<unknown> {
  const type = messageType(fullName)
  if (!type) throw new Error(`core/xds/served: there is no codec of ${fullName}`)
  return type
}
