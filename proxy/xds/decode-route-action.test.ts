import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import { RouteConfiguration } from '../../core/xds/generated/envoy.js'
import type { RequestHead } from '../http/message.ts'
import { rewriteRequest } from '../route/rewrite.ts'
import { decodeResource } from './decode.ts'

/** The path that `/v1/items` becomes. */
function rewritten(regex: string, substitution: string): string {
  const regexRewrite = { pattern: { regex }, substitution }
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'c', regexRewrite } }]
  const wire = { name: 'main', virtualHosts: [{ name: 'all', domains: ['*'], routes }] }
  const result = decodeResource('route', packAny(RouteConfiguration, wire))
  if (!result.ok) throw new Error(result.problems.join())
  const route = result.value.virtualHosts[0]?.routes[0]
  if (route?.action.kind !== 'forward') throw new Error('no route')
  const head: RequestHead = {
    method: 'GET',
    scheme: 'http',
    authority: 'a',
    path: '/v1/items',
    fields: [],
    upgrade: '',
  }
  rewriteRequest(head, route.match, route.action)
  return head.path
}

t.test("a substitution is RE2's", async (t) => {
  t.equal(rewritten('^/v(\\d)/(.*)', '/\\2/\\1'), '/items/1')
  t.equal(rewritten('^/v(\\d)', '/api\\0'), '/api/v1/items', 'the whole match')
  t.equal(rewritten('^/v(\\d)', '/\\12'), '/12/items', 'one digit, then text')
  t.equal(rewritten('^()()()()()()()()()()()()/v(1)', '/x\\13'), '/x3/items', 'also with many groups')
  t.equal(rewritten('^/v1', '/$1$&\\\\0'), '/$1$&\\0/items', 'nothing else means anything')
})
