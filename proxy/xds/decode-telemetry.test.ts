import t from 'tap'
import { parseLogFilter } from '../../core/log-filter.ts'
import type { JsonValue } from '../../core/xds/well-known.ts'
import { decodeAccessLog } from './decode-telemetry.ts'
import { Scope } from './scope.ts'

function decoded(accessLog: JsonValue | undefined) {
  const scope = new Scope('r')
  const metadata = accessLog === undefined ? undefined : { filterMetadata: { 'weft.dev': { accessLog } } }
  const settings = decodeAccessLog(metadata, scope)
  return { settings, problems: scope.problems.map(({ field, message }) => `${field}: ${message}`) }
}

t.test("a route's access log: a mode, or what annotations say", async (t) => {
  t.same(decoded(undefined), { settings: undefined, problems: [] })
  t.same(decoded('all'), { settings: { 'access-log': 'all' }, problems: [] })
  t.same(decoded({ 'access-log-filter': 'status>=500', 'access-log-sampling': '0.5' }), {
    settings: { 'access-log-filter': parseLogFilter('status>=500'), 'access-log-sampling': 0.5 },
    problems: [],
  })
})

t.test('what cannot be done is refused by its name', async (t) => {
  const at = 'r.metadata.filter_metadata[weft.dev].accessLog'
  t.same(decoded('loud').problems, [`${at}.access-log: must be one of off, failed, all`])
  t.same(decoded(true).problems, [`${at}: must be an object`])
  t.same(decoded({ 'trace-slow': '1s' }).problems, [`${at}.trace-slow: is not known`])
  t.same(decoded({ 'access-log-sampling': '2' }).problems, [
    `${at}.access-log-sampling: must be a number from 0 to 1`,
  ])
  t.match(decoded({ 'access-log-filter': 'status=ok' }).problems, [
    /access-log-filter: "status=ok" is no condition/,
  ])
})
