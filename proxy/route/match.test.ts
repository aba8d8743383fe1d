import t from 'tap'
import { Pattern } from '../../core/pattern.ts'
import type { RequestHead } from '../http/message.ts'
import { NO_MUTATION, type Route, type RouteConfiguration, type RouteMatch } from '../model/route.ts'
import type { ValueMatch } from '../model/value-match.ts'
import { findRoute, findVirtualHost } from './match.ts'

const ANY: RouteMatch = {
  path: { kind: 'prefix', value: '/', caseSensitive: true },
  headers: [],
  query: [],
  grpc: false,
}

function route(name: string, match: Partial<RouteMatch>): Route {
  return {
    name,
    match: { ...ANY, ...match },
    action: { kind: 'direct', status: 200, body: '' },
    requestHeaders: NO_MUTATION,
    responseHeaders: NO_MUTATION,
  }
}

function value(name: string, kind: ValueMatch['kind'], text = '', invert = false): ValueMatch {
  return {
    name,
    kind,
    value: text,
    regex: kind === 'regex' ? new Pattern(text) : undefined,
    invert,
  }
}

function config(...routes: Route[]): RouteConfiguration {
  return { name: 'r', virtualHosts: [{ name: 'all', domains: ['*'], routes }] }
}

function get(path: string, fields: string[] = [], authority = 'shop'): RequestHead {
  return { method: 'GET', scheme: 'http', authority, path, fields, upgrade: '' }
}

t.test('a segment prefix matches whole segments only', async (t) => {
  const routes = config(route('a', { path: { kind: 'segment-prefix', value: '/a', caseSensitive: true } }))
  for (const path of ['/a', '/a/', '/a/b', '/a?q=1']) t.equal(findRoute(routes, get(path))?.name, 'a', path)
  for (const path of ['/ab', '/', '/A', '/b/a']) t.equal(findRoute(routes, get(path)), undefined, path)
})

t.test('the query is no part of an exact path', async (t) => {
  const routes = config(route('a', { path: { kind: 'exact', value: '/a', caseSensitive: true } }))
  t.equal(findRoute(routes, get('/a?x'))?.name, 'a')
  t.equal(findRoute(routes, get('/a/')), undefined)
})

t.test('the first route that matches wins', async (t) => {
  const routes = config(
    route('canary', { headers: [value('x-canary', 'exact', 'yes')] }),
    route('query', { query: [value('debug', 'exact', '1 2')] }),
    route('rest', {}),
  )
  t.equal(findRoute(routes, get('/', ['x-canary', 'yes']))?.name, 'canary')
  t.equal(findRoute(routes, get('/?a=b&debug=1%202'))?.name, 'query')
  t.equal(findRoute(routes, get('/?debug=1+2'))?.name, 'query')
  t.equal(findRoute(routes, get('/?debug=%'))?.name, 'rest', 'a broken escape is no crash')
  t.equal(findRoute(routes, get('/'))?.name, 'rest')
})

t.test('each value of a repeated header is matched, and none hides behind another', async (t) => {
  const admin = config(route('admin', { headers: [value('x-role', 'exact', 'admin')] }))
  t.equal(findRoute(admin, get('/', ['x-role', 'user', 'x-role', 'admin']))?.name, 'admin')
  const notAdmin = config(route('open', { headers: [value('x-role', 'exact', 'admin', true)] }))
  t.equal(findRoute(notAdmin, get('/', ['x-role', 'user', 'x-role', 'admin'])), undefined)
  t.equal(findRoute(notAdmin, get('/'))?.name, undefined, 'of an absent one nothing is said, as in Envoy')
  const emptyIfAbsent = { ...value('x-role', 'exact', 'admin', true), absentIsEmpty: true }
  const orAbsent = config(route('open', { headers: [emptyIfAbsent] }))
  t.equal(findRoute(orAbsent, get('/'))?.name, 'open', 'an empty one is not admin')
  t.equal(findRoute(orAbsent, get('/', ['x-role', 'admin'])), undefined)
  const absent = config(route('open', { headers: [value('x-role', 'present', '', true)] }))
  t.equal(findRoute(absent, get('/'))?.name, 'open')
  t.equal(findRoute(absent, get('/', ['x-role', ''])), undefined)
})

t.test('pseudo headers, presence, regular expressions', async (t) => {
  const routes = config(
    route('m', { headers: [value(':method', 'exact', 'POST')] }),
    route('p', { headers: [value('x-p', 'present')] }),
    route('r', { headers: [value('x-r', 'regex', 'a.c')] }),
  )
  t.equal(findRoute(routes, { ...get('/'), method: 'POST' })?.name, 'm')
  t.equal(findRoute(routes, get('/', ['x-p', '']))?.name, 'p')
  t.equal(findRoute(routes, get('/', ['x-r', 'abc']))?.name, 'r')
  t.equal(findRoute(routes, get('/', ['x-r', 'abcd'])), undefined, 'the whole value is matched')
})

t.test('virtual hosts: exact, then the longest wildcard, then any', async (t) => {
  const hosts = ['*', '*.shop', '*.web.shop', 'api.*', 'a.web.shop'].map((domain) => ({
    name: domain,
    domains: [domain],
    routes: [],
  }))
  const expected: [string, string][] = [
    ['a.web.shop', 'a.web.shop'],
    ['A.Web.Shop:8080', 'a.web.shop'],
    ['b.web.shop', '*.web.shop'],
    ['c.shop', '*.shop'],
    ['api.test', 'api.*'],
    ['other', '*'],
  ]
  for (const [authority, name] of expected) t.equal(findVirtualHost(hosts, authority)?.name, name, authority)
  t.equal(findVirtualHost(hosts.slice(1), 'other'), undefined)
  const dotted = [{ name: 'a.b', domains: ['a.b'], routes: [] }]
  t.equal(findVirtualHost(dotted, 'axb'), undefined, 'a dot is a dot')
})

t.test('CONNECT has no path: it goes to whoever asks for it, and nothing else does', async (t) => {
  const everything = route('everything', { path: { kind: 'prefix', value: '', caseSensitive: true } })
  const connect = route('connect', { path: { kind: 'connect' } })
  const asked: RequestHead = { ...get(''), method: 'CONNECT', authority: 'db.test:5432' }
  t.equal(findRoute(config(everything, connect), asked)?.name, 'connect')
  t.equal(findRoute(config(everything), asked), undefined)
  t.equal(findRoute(config(connect), get('/')), undefined)
  const regex = route('regex', { path: { kind: 'regex', value: new Pattern('.*') } })
  t.equal(findRoute(config(regex), asked), undefined)
})

t.test('OPTIONS * goes to whoever has all paths', async (t) => {
  const asked: RequestHead = { ...get('*'), method: 'OPTIONS' }
  const named = (name: string, kind: 'prefix' | 'segment-prefix' | 'exact', text: string) =>
    route(name, { path: { kind, value: text, caseSensitive: true } })
  const some = [named('exact', 'exact', '/'), named('a', 'prefix', '/a'), named('b', 'segment-prefix', '/b')]
  t.equal(findRoute(config(...some), asked), undefined)
  t.equal(findRoute(config(...some, named('all', 'prefix', '/')), asked)?.name, 'all')
  t.equal(findRoute(config(...some, named('all', 'segment-prefix', '/')), asked)?.name, 'all')
})
