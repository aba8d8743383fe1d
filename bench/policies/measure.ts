import type { Bed } from '../bed.ts'
import { WITH_POLICIES } from '../cases.ts'
import { measureCase } from '../measure-case.ts'
import type { Options } from '../options.ts'
import { weft } from '../peers/weft.ts'
import type { Row } from '../result.ts'
import { policyFilters } from './filters.ts'

/** The pair without policies (`weft`) and with them (`policies`) in turns. `own`: what runs Weft's proxy. */
export function measurePolicies(
  bed: Bed,
  own: readonly string[],
  options: Options,
  tell: (row: Row) => void,
): Promise<Row[]> {
  const peers = [weft('weft', own), weft(WITH_POLICIES.name, own, policyFilters())]
  return measureCase(bed, WITH_POLICIES, peers, options, tell)
}
