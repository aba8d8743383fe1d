import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import { RouteConfiguration } from '../../core/xds/generated/envoy.js'
import type { RequestHead } from '../http/message.ts'
import { rewriteRequest } from '../route/rewrite.ts'
import { decodeResource, type DecodeResult } from './decode.ts'

function decoded(regex: string, substitution: string): DecodeResult<'route'> {
  const regexRewrite = { pattern: { regex }, substitution }
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'c', regexRewrite } }]
  const wire = { name: 'main', virtualHosts: [{ name: 'all', domains: ['*'], routes }] }
  return decodeResource('route', packAny(RouteConfiguration, wire))
}

/** The path that `/v1/items` becomes. */
function rewritten(regex: string, substitution: string): string {
  const result = decoded(regex, substitution)
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

t.test('a rewrite that cannot be carried out is refused where it stands', async (t) => {
  const at = 'virtual_hosts[0].routes[0].route.regex_rewrite'
  const problems = (regex: string, substitution: string) => {
    const result = decoded(regex, substitution)
    return result.ok ? [] : result.problems
  }
  t.match(problems('/(?=a)', ''), [`${at}.pattern.regex: is no regular expression of RE2: lookahead`])
  t.strictSame(problems('/(a)', '/\\2'), [`${at}.substitution: names group 2 of a pattern that has 1`])
  t.match(problems('/(a)', '/\\d'), [`${at}.substitution: must have a digit`])
})
