import type { JsonSchema } from '../../core/json-schema.ts'

const TEXT: JsonSchema = { type: 'string' }
const FLAG: JsonSchema = { type: 'boolean' }
const NUMBER: JsonSchema = { type: ['number', 'string'], pattern: String.raw`^-?\d` }
const BASE64: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9+/_-]*={0,2}$' }
/** Whole numbers may stand in quotes; a bound holds for those that do not. */
const whole = (bounds: JsonSchema): JsonSchema => ({
  type: ['integer', 'string'],
  pattern: String.raw`^-?\d{1,20}$`,
  ...bounds,
})
const INT32 = whole({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 })
const UINT32 = whole({ minimum: 0, maximum: 2 ** 32 - 1 })
// A number of JSON is exact up to 2^53 only: no bound at the other end would be the right one.
const INT64 = whole({})
const UINT64 = whole({ minimum: 0 })

/** What read-scalar.ts takes of a scalar or well-known type, by its name; a type that it does not take is missing. */
export const SCALAR_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  bool: FLAG,
  BoolValue: FLAG,
  string: TEXT,
  StringValue: TEXT,
  bytes: BASE64,
  BytesValue: BASE64,
  double: NUMBER,
  float: NUMBER,
  DoubleValue: NUMBER,
  FloatValue: NUMBER,
  int32: INT32,
  sint32: INT32,
  sfixed32: INT32,
  Int32Value: INT32,
  uint32: UINT32,
  fixed32: UINT32,
  UInt32Value: UINT32,
  int64: INT64,
  sint64: INT64,
  sfixed64: INT64,
  Int64Value: INT64,
  uint64: UINT64,
  fixed64: UINT64,
  UInt64Value: UINT64,
  duration: {
    description: 'Seconds, such as 0.25s or 30s.',
    type: 'string',
    pattern: String.raw`^\d{1,12}(\.\d{1,9})?s$`,
  },
  struct: { type: 'object' },
  value: {},
  list: { type: 'array' },
}
