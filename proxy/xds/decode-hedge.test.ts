import t from 'tap'
import type { RouteAction } from '../../core/xds/generated/envoy.js'
import type { JsonValue } from '../../core/xds/well-known.ts'
import { decodeHedge } from './decode-hedge.ts'
import { Scope } from './scope.ts'

function decoded(hedge: JsonValue | undefined, action: RouteAction = {}) {
  const scope = new Scope('r')
  const metadata = hedge === undefined ? undefined : { filterMetadata: { 'weft.dev': { hedge } } }
  const policy = decodeHedge(metadata, action, false, scope)
  return { policy, problems: scope.problems.map(({ field, message }) => `${field}: ${message}`) }
}

t.test('hedging is what the metadata says, or when the time of a try is over', async (t) => {
  t.same(decoded({ afterMs: 50 }).policy, { afterMs: 50, max: 1, nonIdempotent: false })
  t.same(decoded({ afterMs: 50, max: 2 }).policy, { afterMs: 50, max: 2, nonIdempotent: false })
  const retryPolicy = { retryOn: '5xx', perTryTimeout: 300, numRetries: 2 }
  t.same(decoded(undefined, { retryPolicy, hedgePolicy: { hedgeOnPerTryTimeout: true } }).policy, {
    afterMs: 300,
    max: 2,
    nonIdempotent: false,
  })
  t.equal(decoded(undefined, { retryPolicy }).policy, undefined)
  t.equal(decoded(undefined, { hedgePolicy: {} }).policy, undefined)
})

t.test('what cannot be done is refused by its name', async (t) => {
  const at = 'r.metadata.filter_metadata[weft.dev].hedge'
  t.same(decoded('50ms').problems, [`${at}: must be an object with afterMs, and max if it is not 1`])
  t.same(decoded({ max: 2 }).problems, [`${at}.afterMs: must be a whole number from 1 to 3600000`])
  t.same(decoded({ afterMs: 0.5 }).problems, [`${at}.afterMs: must be a whole number from 1 to 3600000`])
  t.same(decoded({ afterMs: 5, max: 6 }).problems, [`${at}.max: must be a whole number from 1 to 5`])
  t.same(decoded({ afterMs: 5, most: 1 }).problems, [`${at}.most: is not supported: only afterMs, max are`])
  const hedgePolicy = { hedgeOnPerTryTimeout: true }
  t.match(decoded(undefined, { hedgePolicy }).problems, [/^r\.route\.hedge_policy: needs retry_policy/])
  const retryPolicy = { retryOn: '5xx', perTryTimeout: 300 }
  t.match(decoded({ afterMs: 5 }, { hedgePolicy, retryPolicy }).problems, [
    /^r\.route\.hedge_policy: excludes/,
  ])
})
