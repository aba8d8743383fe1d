import t from 'tap'
import type { FieldType } from '../../core/xds/codec.ts'
import { Cluster_LbPolicy } from '../../core/xds/generated/envoy.js'
import { readScalar } from './read-scalar.ts'

// YAML integers come as bigint.
const GOOD: readonly (readonly [type: FieldType, raw: unknown, value: unknown])[] = [
  ['bool', true, true],
  ['BoolValue', false, false],
  ['string', '', ''],
  ['StringValue', 'a', 'a'],
  ['uint32', 4294967295n, 4294967295],
  ['UInt32Value', '7', 7],
  ['int32', -2147483648n, -2147483648],
  ['uint32', 3, 3],
  ['uint64', 18446744073709551615n, 18446744073709551615n],
  ['UInt64Value', '9007199254740993', 9007199254740993n],
  ['int64', '-1', -1n],
  ['double', 1n, 1],
  ['double', 0.5, 0.5],
  ['double', '2.5', 2.5],
  ['bytes', 'aGk=', new Uint8Array([104, 105])],
  ['bytes', '_-8', new Uint8Array([255, 239])],
  ['duration', '0.25s', 250],
  ['duration', '3600s', 3_600_000],
  ['duration', '0.000001s', 0.001],
  [Cluster_LbPolicy, 'RANDOM', 'RANDOM'],
  [Cluster_LbPolicy, 3n, 'RANDOM'],
]

const BAD: readonly (readonly [type: FieldType, raw: unknown])[] = [
  ['bool', 'true'],
  ['bool', 1n],
  ['string', true],
  ['string', 'half \ud800'],
  ['uint32', 4294967296n],
  ['uint32', -1n],
  ['uint32', 0.5],
  ['uint32', ''],
  ['uint32', '0x10'],
  ['uint64', 18446744073709551616n],
  ['int32', 2147483648n],
  ['double', Number.NaN],
  ['double', Number.POSITIVE_INFINITY],
  ['double', 'Infinity'],
  ['double', undefined],
  ['bytes', 'a*b'],
  ['duration', '1'],
  ['duration', '-1s'],
  ['duration', '1m'],
  ['duration', '1.s'],
  ['duration', '0.0000000001s'],
  ['duration', '315576000001s'],
  ['duration', 1n],
  [Cluster_LbPolicy, 'random'],
  [Cluster_LbPolicy, 4n],
  ['opaque', 'x'],
]

for (const [type, raw, value] of GOOD) {
  t.test(`${nameOf(type)} ${String(raw)}`, async (t) => t.same(readScalar(raw, type), { ok: true, value }))
}

for (const [type, raw] of BAD) {
  t.test(`no ${nameOf(type)}: ${String(raw)}`, async (t) =>
    t.match(readScalar(raw, type), { ok: false, must: /./ }),
  )
}

function nameOf(type: FieldType): string {
  return typeof type === 'string' ? type : type.typeName
}
