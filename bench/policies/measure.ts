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
  const filters = policyFilters()
  // Both read a file of the same size: reading YAML leaves more behind than the policies, which come by xDS otherwise.
  const peers = [
    weft('weft', own, { filters: [], metadata: { unused: filters } }),
    weft(WITH_POLICIES.name, own, { filters, metadata: {} }),
  ]
  return measureCase(bed, WITH_POLICIES, peers, options, tell)
}
