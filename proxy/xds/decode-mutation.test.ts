import t from 'tap'
import type { HeaderValueOption, Route } from '../../core/xds/generated/envoy.js'
import { packAny } from '../../core/xds/any.ts'
import { RouteConfiguration } from '../../core/xds/generated/envoy.js'
import { decodeResource, type DecodeResult } from './decode.ts'

function decoded(route: Partial<Route>): DecodeResult<'route'> {
  const routes: Route[] = [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...route }]
  const virtualHosts = [{ name: 'all', domains: ['*'], routes }]
  return decodeResource('route', packAny(RouteConfiguration, { name: 'main', virtualHosts }))
}

function problems(route: Partial<Route>): readonly string[] {
  const result = decoded(route)
  return result.ok ? [] : result.problems
}

function option(key: string, value: string, overwrite = true): HeaderValueOption {
  return {
    header: { key, value },
    appendAction: overwrite ? 'OVERWRITE_IF_EXISTS_OR_ADD' : 'APPEND_IF_EXISTS_OR_ADD',
  }
}

const AT = 'virtual_hosts[0].routes[0]'

t.test('a field that would break every request is refused by its name', async (t) => {
  const added = `${AT}.request_headers_to_add[0].header`
  const table: readonly (readonly [HeaderValueOption, string])[] = [
    [option(':path', '/a'), `${added}.key: :path is no field: it cannot be changed as one`],
    [option(':method', 'PUT', false), `${added}.key: :method is no field: it cannot be changed as one`],
    [option('Host', 'a', false), `${added}.key: host can be overwritten, and not appended to`],
    [
      option('Connection', 'a'),
      `${added}.key: connection is written for each connection: it cannot be changed`,
    ],
    [
      option('Content-Length', '1'),
      `${added}.key: content-length is written for each connection: it cannot be changed`,
    ],
    [option('a b', 'c'), `${added}.key: "a b" is no name of a field`],
    [option('x', 'a\nb: c'), `${added}.value: holds a line break or another control character`],
  ]
  for (const [one, problem] of table) t.strictSame(problems({ requestHeadersToAdd: [one] }), [problem])
  t.strictSame(problems({ requestHeadersToRemove: ['x', 'Host', ':path'] }), [
    `${AT}.request_headers_to_remove[1]: host can be overwritten, and not removed`,
    `${AT}.request_headers_to_remove[2]: :path is no field: it cannot be changed as one`,
  ])
  t.match(problems({ responseHeadersToAdd: [option(':status', '200')] }), [/:status is no field/])
})

t.test('what is sent in a head holds no line break, wherever it is configured', async (t) => {
  const broken = 'holds a line break or another control character'
  const forward = (field: string, action: Route['route']) =>
    t.strictSame(problems({ route: { cluster: 'c', ...action } }), [`${AT}.route.${field}: ${broken}`])
  forward('prefix_rewrite', { prefixRewrite: '/a\r\nb: c' })
  forward('host_rewrite_literal', { hostRewriteLiteral: 'a\nb' })
  forward('regex_rewrite.substitution', {
    regexRewrite: { pattern: { regex: 'a' }, substitution: 'b\0' },
  })
  const redirect = (field: string, action: Route['redirect']) =>
    t.strictSame(problems({ route: undefined, redirect: action }), [`${AT}.redirect.${field}: ${broken}`])
  redirect('host_redirect', { hostRedirect: 'a\n' })
  redirect('path_redirect', { pathRedirect: '/a\n' })
  redirect('prefix_rewrite', { prefixRewrite: '/a\n' })
})

t.test('the authority is set, and what is beyond ASCII goes as UTF-8', async (t) => {
  const result = decoded({ requestHeadersToAdd: [option(':authority', 'b.test'), option('x', 'é', false)] })
  if (!result.ok) return t.fail(result.problems.join())
  const route = result.value.virtualHosts[0]?.routes[0]
  t.strictSame(route?.requestHeaders, {
    remove: [],
    set: [[':authority', 'b.test']],
    add: [['x', '\u00c3\u00a9']],
  })
})
