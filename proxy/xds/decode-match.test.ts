import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import { RouteConfiguration } from '../../core/xds/generated/envoy.js'
import { decodeResource, type DecodeResult } from './decode.ts'

/** So many routes, each with one path of its own to match. */
function decoded(count: number, regex: (at: number) => string): DecodeResult<'route'> {
  const routes = Array.from({ length: count }, (_, at) => ({
    match: { safeRegex: { regex: regex(at) } },
    route: { cluster: 'c' },
  }))
  const wire = { name: 'main', virtualHosts: [{ name: 'all', domains: ['*'], routes }] }
  return decodeResource('route', packAny(RouteConfiguration, wire))
}

t.test('patterns of one configuration of routes are bounded together, and equal ones are one', async (t) => {
  t.ok(decoded(1000, (at) => `/api/v[0-9]+/users/${at}/[^/]+`).ok, 'a thousand usual ones')
  t.ok(decoded(5000, () => '/(?:a|b)*a(?:a|b){200}').ok, 'one, five thousand times')
  const large = decoded(200, (at) => `/[a-z]{480}${at}`)
  if (large.ok) return t.fail('compiled at all costs')
  t.match(
    large.problems[0],
    /^virtual_hosts\[0\]\.routes\[103\]\.match\.safe_regex\.regex: too many patterns/,
  )
})
