import { WeftError } from '../errors.ts'
import { unpackAny, type AnyValue } from './any.ts'
import { isMessageType, type MessageType } from './codec.ts'
import { toJson, type Replacement } from './json.ts'
import { messageType } from './message-types.ts'
import { SERVED } from './served/index.ts'
import { typeNameOf } from './type-urls.ts'
import type { JsonObject } from './well-known.ts'

const LEFT_OUT = '[redacted]'

/** A message as JSON for people, without what the table says is secret: of that, names of files alone. */
export function readable<T>(type: MessageType<T>, message: T): JsonObject {
  return toJson(type, message as object, leaveOut)
}

/** The same of a message that is packed. Throws WeftError when it is malformed, or of a type without a codec. */
export function readableAny(any: AnyValue): JsonObject {
  const name = typeNameOf(any.typeUrl ?? '')
  const type = messageType(name)
  if (!type) throw new WeftError('xds.unexpected_type', `"${name}" is no message that this build knows`)
  return toJson(type, unpackAny(any, type) as object, leaveOut)
}

const leaveOut: Replacement = (type, field, value) => {
  if (!SERVED.get(type.typeName)?.[field.name]?.secret) return undefined
  if (!isMessageType(field.type)) return LEFT_OUT
  return toJson(field.type, value as object, (_, { name }) => (name === 'filename' ? undefined : LEFT_OUT))
}
