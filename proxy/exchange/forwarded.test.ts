import t from 'tap'
import type { Fields } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { ForwardedRules } from '../model/listener.ts'
import { HOP } from '../steps/testing/requests.ts'
import { MANAGER } from '../testing/static-configuration.ts'
import { prepareRequest } from './hop-headers.ts'

const APPEND: ForwardedRules = { says: true, appends: true, sanitizes: false, trustedHops: 1 }
const SANITIZE: ForwardedRules = { says: true, appends: true, sanitizes: true, trustedHops: 0 }
const LINK: Partial<Hop> = { link: true, tls: true, http2: true, sourceIdentity: 'spiffe://mesh/ns/a/sa/b' }

/** The fields of a request with `fields` as the application gets them; its caller spoke `scheme`. */
function got(forwarded: ForwardedRules | undefined, fields: Fields, hop: Partial<Hop> = {}, scheme = 'http') {
  const head = { method: 'GET', scheme, authority: 'a', path: '/', fields: [...fields], upgrade: '' }
  prepareRequest({ ...HOP, ...hop }, { ...MANAGER, traffic: undefined, forwarded }, head)
  return head.fields
}

t.test('append: the address that the connection came from stands last', async (t) => {
  const proto = ['x-forwarded-proto', 'http']
  t.same(got(APPEND, []), ['x-forwarded-for', '10.0.0.9', ...proto])
  t.same(got(APPEND, ['x-forwarded-for', '203.0.113.7', 'a', '1']), [
    'x-forwarded-for',
    '203.0.113.7, 10.0.0.9',
    'a',
    '1',
    ...proto,
  ])
  const twice = ['x-forwarded-for', '1.1.1.1 ,2.2.2.2', 'a', '1', 'x-forwarded-for', ',3.3.3.3']
  t.same(got(APPEND, twice).slice(0, 4), ['x-forwarded-for', '1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9', 'a', '1'])
})

t.test('an address of IPv6 has no brackets, port or zone', async (t) => {
  const of = (downstream: string) => got(APPEND, [], { downstream })[1]
  t.equal(of('[2001:db8::7]:40000'), '2001:db8::7')
  t.equal(of('[::1]:1'), '::1')
  t.equal(of('[fe80::1%eth0]:40000'), 'fe80::1')
})

t.test('x-forwarded-proto says what the caller spoke, not what carried it through the mesh', async (t) => {
  const of = (fields: Fields, hop: Partial<Hop>, scheme: string, rules = APPEND) => {
    const all = got(rules, fields, hop, scheme)
    return all[all.indexOf('x-forwarded-proto') + 1]
  }
  t.equal(of([], LINK, 'http'), 'http')
  t.equal(of([], LINK, 'https'), 'https')
  t.equal(of([], { tls: true }, 'https'), 'https')
  t.equal(of([], { http2: true }, 'https'), 'http', 'a caller in plaintext says that it is not')
  t.equal(of([], { ...LINK, sourceIdentity: '' }, 'http'), 'https', 'only a sidecar is believed')
  t.equal(of(['x-forwarded-proto', 'https'], LINK, 'http'), 'https', 'from where TLS ended before')
  t.equal(of(['x-forwarded-proto', 'ftp'], LINK, 'http'), 'http')
  t.equal(of(['x-forwarded-proto', 'https'], LINK, 'http', SANITIZE), 'http')
  const all = { ...APPEND, trustedHops: 0 }
  t.equal(of(['x-forwarded-proto', 'https'], {}, 'http', all), 'http', 'as Envoy without trusted hops')
})

const SPELLINGS = [
  'x_forwarded_for',
  'x-forwarded_for',
  'X_Forwarded_For',
  'x.forwarded.for',
  'X_FORWARDED-FOR',
]

t.test('sanitize: nothing that the caller says of where it comes from is left', async (t) => {
  const said = [
    ...SPELLINGS,
    'x-forwarded-for',
    'x-forwarded-proto',
    'x_forwarded_proto',
    'forwarded',
    'x-forwarded-host',
    'x_forwarded_host',
    'x-forwarded-port',
    'x-real-ip',
    'x_real_ip',
    'true-client-ip',
    'x-client-ip',
    'x-envoy-external-address',
  ]
  const ours = ['x-forwarded-for', '10.0.0.9', 'x-forwarded-proto', 'http']
  for (const name of said)
    t.same(
      got(SANITIZE, ['a', '1', name, '6.6.6.6', name, '7.7.7.7', 'z', '2']),
      ['a', '1', 'z', '2', ...ours],
      name,
    )
  t.same(
    got(
      SANITIZE,
      said.flatMap((name) => [name, '6.6.6.6']),
    ),
    ours,
  )
  t.same(
    got(
      { ...SANITIZE, says: false },
      said.flatMap((name) => [name, '6.6.6.6']),
    ),
    [],
  )
})

t.test('of a chain as many as hops are trusted stay, from its end', async (t) => {
  const fields = [
    'x-forwarded-for',
    '6.6.6.6, 203.0.113.7',
    'x-forwarded-for',
    '10.0.0.1',
    'x-forwarded-proto',
    'https',
  ]
  const proto = ['x-forwarded-proto', 'https']
  t.same(got({ ...SANITIZE, trustedHops: 2 }, fields), [
    'x-forwarded-for',
    '203.0.113.7, 10.0.0.1, 10.0.0.9',
    ...proto,
  ])
  t.same(got({ ...SANITIZE, trustedHops: 9 }, fields), [
    'x-forwarded-for',
    '6.6.6.6, 203.0.113.7, 10.0.0.1, 10.0.0.9',
    ...proto,
  ])
})

t.test('append, too, drops what only an application reads as the field', async (t) => {
  for (const name of SPELLINGS) t.notOk(got(APPEND, [name, '6.6.6.6']).includes(name), name)
})

t.test('skip_xff_append adds no address, and without a rule all passes as it came', async (t) => {
  t.same(got({ ...APPEND, appends: false }, []), ['x-forwarded-proto', 'http'])
  const fields = ['x-forwarded-for', '6.6.6.6', 'x_forwarded_for', '7.7.7.7', 'forwarded', 'for=1']
  t.same(got(undefined, fields), fields)
})
