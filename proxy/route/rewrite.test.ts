import t from 'tap'
import { Pattern } from '../../core/pattern.ts'
import type { RequestHead } from '../http/message.ts'
import type { ForwardAction, RedirectAction, RouteMatch } from '../model/route.ts'
import { mutate, mutateRequest, redirectLocation, rewriteRequest } from './rewrite.ts'

function head(path: string): RequestHead {
  return { method: 'GET', scheme: 'http', authority: 'shop:8080', path, fields: [], upgrade: '' }
}

function prefix(value: string): RouteMatch {
  return { path: { kind: 'segment-prefix', value, caseSensitive: true }, headers: [], query: [], grpc: false }
}

function forward(rewrite: ForwardAction['rewrite']): ForwardAction {
  return { kind: 'forward', clusters: [], timeoutMs: 0, retry: undefined, rewrite, mirrors: [], upgrades: [] }
}

t.test('ReplacePrefixMatch keeps one slash between the new prefix and the rest', async (t) => {
  // The table of HTTPPathModifier in the Gateway API reference.
  const table: [request: string, match: string, replacement: string, expected: string][] = [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
  ]
  for (const [request, match, replacement, expected] of table) {
    const given = head(`${request}?q=1`)
    rewriteRequest(
      given,
      prefix(match),
      forward({ path: { kind: 'prefix', value: replacement }, authority: undefined }),
    )
    t.equal(given.path, `${expected}?q=1`, `${request} ${match} -> ${replacement}`)
  }
})

t.test('a slash at the end of the new prefix stays where nothing follows it', async (t) => {
  const value = (kind: 'prefix' | 'segment-prefix' | 'exact', text: string): RouteMatch['path'] => ({
    kind,
    value: text,
    caseSensitive: true,
  })
  const regex: RouteMatch['path'] = { kind: 'regex', value: new Pattern('/f.*') }
  const table: [path: RouteMatch['path'], request: string, replacement: string, expected: string][] = [
    [value('segment-prefix', '/foo'), '/foo', '/xyz/', '/xyz/'],
    [value('segment-prefix', '/foo'), '/foo/a', '/xyz/', '/xyz/a'],
    [value('segment-prefix', '/foo'), '/foo/', '/xyz/', '/xyz/'],
    [value('exact', '/foo'), '/foo', '/xyz/', '/xyz/'],
    [value('exact', '/foo'), '/foo', '/xyz', '/xyz'],
    // Envoy: as it is written, not a slash more or less.
    [value('prefix', '/foo'), '/foo', '/xyz/', '/xyz/'],
    [value('prefix', '/foo/'), '/foo/a', '/xyz/', '/xyz/a'],
    [value('prefix', '/foo'), '/foo/a', '/', '//a'],
    [value('prefix', '/foo'), '/foobar', '/xyz/', '/xyz/bar'],
    [regex, '/foo/bar', '/xyz/', '/xyz/'],
  ]
  for (const [path, request, replacement, expected] of table) {
    const given = head(`${request}?q=1`)
    const match = { path, headers: [], query: [], grpc: false }
    const action = forward({ path: { kind: 'prefix', value: replacement }, authority: undefined })
    rewriteRequest(given, match, action)
    t.equal(given.path, `${expected}?q=1`, `${path.kind} ${request} -> ${replacement}`)
  }
})

t.test('a rewrite of the authority and by regular expression', async (t) => {
  const given = head('/v1/items?q')
  const path = { kind: 'regex' as const, pattern: new Pattern('^/v1'), substitution: ['/v2'] }
  rewriteRequest(given, prefix('/'), forward({ path, authority: 'other' }))
  t.match(given, { path: '/v2/items?q', authority: 'other' })
})

t.test('redirects leave well-known ports out and keep the query', async (t) => {
  const base: RedirectAction = {
    kind: 'redirect',
    status: 302,
    scheme: undefined,
    authority: undefined,
    port: undefined,
    path: undefined,
  }
  const at = (action: Partial<RedirectAction>) =>
    redirectLocation(head('/a/b?q'), prefix('/a'), { ...base, ...action })
  t.equal(at({}), 'http://shop:8080/a/b?q')
  t.equal(at({ scheme: 'https' }), 'https://shop/a/b?q')
  t.equal(at({ scheme: 'https', port: 443 }), 'https://shop/a/b?q')
  t.equal(at({ port: 8083 }), 'http://shop:8083/a/b?q')
  t.equal(at({ authority: 'example.org' }), 'http://example.org/a/b?q')
  t.equal(at({ path: { kind: 'full', value: '/x' } }), 'http://shop:8080/x?q')
  t.equal(at({ path: { kind: 'prefix', value: '/x' } }), 'http://shop:8080/x/b?q')
})

t.test('fields: remove, then set, then add', async (t) => {
  const fields = ['a', '1', 'b', '2', 'a', '3']
  mutate(
    { status: 200, fields },
    {
      remove: ['b'],
      set: [
        ['a', '4'],
        ['d', '5'],
      ],
      add: [['a', '6']],
    },
  )
  t.same(fields, ['a', '4', 'd', '5', 'a', '6'])
  const request = head('/')
  mutateRequest(request, { remove: [], set: [['host', 'other']], add: [] })
  t.equal(request.authority, 'other')
})
