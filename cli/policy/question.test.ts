import t from 'tap'
import { readQuestion, type QuestionFlags } from './question.ts'

const FLAGS: QuestionFlags = {
  from: 'shop/web',
  to: 'payments/pay:8080',
  request: 'GET',
  header: undefined,
  claim: undefined,
  host: undefined,
  'source-ip': undefined,
  plaintext: false,
  tcp: false,
  sni: undefined,
}

const read = (over: Partial<QuestionFlags> = {}, path?: string) =>
  readQuestion({ ...FLAGS, ...over }, path, new Set(Object.keys(over)))

t.test('what is typed is what is asked', (t) => {
  t.match(read(), {
    caller: { kind: 'account', namespace: 'shop', account: 'web', pod: undefined },
    target: { namespace: 'payments', name: 'pay', port: 8080 },
    http: { method: 'GET', path: '/', host: undefined, claims: undefined },
  })
  t.match(read({ from: 'shop/web@web-1', 'source-ip': '::ffff:10.0.0.1' }), {
    caller: { pod: 'web-1' },
    sourceAddress: '10.0.0.1',
  })
  t.match(read({ from: 'spiffe://other/x' }).caller, { kind: 'identity', id: 'spiffe://other/x' })
  const { http } = read(
    { header: ['X-Tenant: a', 'x-tenant:b ', 'x-empty:'], host: 'pay', request: 'POST' },
    '/ü?q',
  )
  t.strictSame(
    [...(http?.headers ?? [])],
    [
      ['x-tenant', ['a', 'b']],
      ['x-empty', ['']],
    ],
  )
  t.match(http, { method: 'POST', path: '/\xc3\xbc?q', host: 'pay' })
  t.match(read({ tcp: true, sni: 'DB.payments' }), { http: undefined, sni: 'db.payments' })
  t.end()
})

t.test('claims: JSON where it is that, text otherwise, and one within another', (t) => {
  const claims = read({
    claim: ['sub=alice', 'groups=["a","b"]', 'realm.roles=["x"]', 'realm.id=7', 'eq=a=b'],
  }).http?.claims
  t.strictSame(JSON.parse(JSON.stringify(claims)), {
    sub: 'alice',
    groups: ['a', 'b'],
    realm: { roles: ['x'], id: 7 },
    eq: 'a=b',
  })
  read({ claim: ['__proto__.polluted=1'] })
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  t.end()
})

t.test('what cannot be asked is told by its flag, in a sentence', (t) => {
  for (const [over, path, field, message] of [
    [{ from: undefined }, undefined, '--from', /is required/],
    [{ from: 'web' }, undefined, '--from', /"web" must be NAMESPACE\/ACCOUNT/],
    [{ from: 'shop/web@' }, undefined, '--from', /must be/],
    [{ from: 'Shop/web' }, undefined, '--from', /must be/],
    [{ to: undefined }, undefined, '--to', /is required/],
    [{ to: 'payments/pay' }, undefined, '--to', /must be NAMESPACE\/SERVICE:PORT/],
    [{ to: 'payments/pay:0' }, undefined, '--to', /must be/],
    [{ to: 'payments/pay:65536' }, undefined, '--to', /must be/],
    [{ request: 'G ET' }, undefined, '--request', /must be a method/],
    [{}, 'charge', 'PATH', /must begin with \//],
    [{ header: ['x'] }, undefined, '--header', /must be "NAME: VALUE"/],
    [{ header: ['x y: z'] }, undefined, '--header', /must be/],
    [{ claim: ['sub'] }, undefined, '--claim', /must be NAME=VALUE/],
    [{ claim: ['a..b=1'] }, undefined, '--claim', /must be/],
    [{ 'source-ip': '10.0.0' }, undefined, '--source-ip', /must be an IP address/],
    [{ plaintext: true }, undefined, '--plaintext', /leave --from away/],
    [{ sni: 'x' }, undefined, '--sni', /say --tcp, too/],
    [{ tcp: true }, '/x', '--tcp', /leave PATH away/],
    [{ tcp: true, host: 'x' }, undefined, '--tcp', /leave --host away/],
  ] as const)
    t.throws(
      () => read(over, path),
      { code: 'cli.flags', field, message },
      `${field} ${JSON.stringify(over)}`,
    )
  t.match(read({ plaintext: true, from: undefined }), { plaintext: true, caller: { id: '' } })
  t.match(read({ plaintext: true, from: 'shop/web@web-1' }), { plaintext: true })
  t.end()
})
