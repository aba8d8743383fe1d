import { WeftError } from '../errors.ts'
import type { DecodeOptions, MessageType } from './codec.ts'
import { typeNameOf, typeUrl } from './type-urls.ts'

/** google.protobuf.Any as the generated codecs have it. */
export interface AnyValue {
  readonly typeUrl?: string | undefined
  readonly value?: Uint8Array | undefined
  /** What it holds, once it was read: by check.ts, or from a file. Never on the wire. */
  readonly unpacked?: Unpacked | undefined
}

export interface Unpacked {
  readonly type: MessageType<unknown>
  readonly message: object
}

export function packAny<T>(type: MessageType<T>, value: T): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: typeUrl(type), value: type.encode(value) }
}

/** @throws WeftError `xds.unexpected_type` when `any` holds another type. */
export function unpackAny<T>(any: AnyValue, type: MessageType<T>, options: DecodeOptions = {}): T {
  if (!holds(any, type)) {
    const found = any.typeUrl ? typeNameOf(any.typeUrl) : 'nothing'
    throw new WeftError('xds.unexpected_type', `holds ${found} where ${type.typeName} belongs`, {
      ...(options.path === undefined ? {} : { field: options.path }),
    })
  }
  return type.decode(any.value ?? new Uint8Array(0), options)
}

export function holds(any: AnyValue, type: MessageType<unknown>): boolean {
  return any.typeUrl !== undefined && typeNameOf(any.typeUrl) === type.typeName
}

/** The message in an Any that was checked; undefined where there is none or it is of another type. */
export function unpacked<T>(any: AnyValue | undefined, type: MessageType<T>): T | undefined {
  return any?.unpacked?.type === type ? (any.unpacked.message as T) : undefined
}
