import { isMessageType, type MessageType } from './codec.ts'
import * as envoy from './generated/envoy.js'

const BY_NAME: ReadonlyMap<string, MessageType<unknown>> = new Map(
  Object.values<unknown>(envoy)
    .filter((one) => isCodec(one))
    .map((type) => [type.typeName, type]),
)

function isCodec(value: unknown): value is MessageType<unknown> {
  return typeof value === 'object' && value !== null && 'typeName' in value && isMessageType(value as never)
}

/** The codec of a message of Envoy's API by its full name; undefined: this build has none. */
export function messageType(fullName: string): MessageType<unknown> | undefined {
  return BY_NAME.get(fullName)
}
