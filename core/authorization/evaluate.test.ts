import t from 'tap'
import { compile, type Decision } from './evaluate.ts'
import type { Action, Matcher, Rule, RuleSet, TextMatch } from './rules.ts'
import { requestFacts, type SomeFacts } from './testing/facts.ts'

const ANY: Matcher = { kind: 'any' }
const exact = (value: string, ignoreCase = false): TextMatch => ({ type: 'exact', value, ignoreCase })
const prefix = (value: string): TextMatch => ({ type: 'prefix', value, ignoreCase: false })
const not = (of: Matcher): Matcher => ({ kind: 'not', of })
const rule = (name: string, permission: Matcher, principal: Matcher = ANY): Rule => ({
  name,
  permissions: [permission],
  principals: [principal],
})
const stage = (action: Action, ...enforced: Rule[]): RuleSet[number] => ({
  action,
  enforced,
  shadow: undefined,
})

function decide(rules: RuleSet, facts: SomeFacts = {}): Decision {
  const all = requestFacts(facts)
  const decider = compile(rules, 'request')
  const decision = decider.decide(all)
  t.same(decider.narrow(all).decide(all), decision, 'the same once narrowed to its connection')
  return decision
}

/** Whether a rule of this permission matches the request. */
const hits = (matcher: Matcher, facts: SomeFacts): boolean =>
  decide([stage('ALLOW', rule('a/b/0', matcher))], facts).allowed

// matcher, facts, whether it matches
const LEAVES: readonly (readonly [Matcher, SomeFacts, boolean])[] = [
  [{ kind: 'identity', match: undefined }, { identity: 'spiffe://a/ns/b/sa/c' }, true],
  [{ kind: 'identity', match: undefined }, { identity: '' }, false],
  [{ kind: 'identity', match: prefix('') }, { identity: '' }, false],
  [{ kind: 'identity', match: prefix('spiffe://a/ns/b/') }, { identity: 'spiffe://a/ns/bc/sa/d' }, false],
  [{ kind: 'source-ip', prefix: '10.0.0.0', bits: 8 }, { sourceAddress: '::ffff:10.1.1.1' }, true],
  [{ kind: 'destination-ip', prefix: '10.0.0.0', bits: 8 }, { destinationAddress: '11.0.0.1' }, false],
  [{ kind: 'port', start: 80, end: 81 }, { destinationPort: 80 }, true],
  [{ kind: 'port', start: 80, end: 81 }, { destinationPort: 81 }, false],
  [{ kind: 'sni', match: exact('db.shop.svc') }, { sni: 'db.shop.svc' }, true],
  [{ kind: 'method', match: exact('GET') }, { method: 'GET' }, true],
  [{ kind: 'method', match: exact('GET') }, { method: 'get' }, false],
  [{ kind: 'host', match: exact('pay.shop', true) }, { authority: 'PAY.shop' }, true],
  [{ kind: 'host', match: exact('pay.shop', true) }, { authority: 'pay.shop:80' }, false],
  [{ kind: 'path', match: exact('/a') }, { path: '/a?b=/c' }, true],
  [
    { kind: 'path', match: { type: 'suffix', value: '.png', ignoreCase: false } },
    { path: '/a?b=.png' },
    false,
  ],
  [{ kind: 'path', match: prefix('/admin') }, { path: '/Admin' }, false],
  [{ kind: 'path', match: prefix('/') }, { path: '' }, false],
  [{ kind: 'path', match: exact('*') }, { path: '*' }, true],
  [{ kind: 'path', match: { type: 'regex', value: '/a|/b', ignoreCase: false } }, { path: '/b/c' }, false],
  [{ kind: 'path-template', template: '/a/{*}' }, { path: '/a/b?c' }, true],
  [{ kind: 'header', name: 'x-tenant', match: exact('a') }, { fields: { 'x-tenant': ['b', 'a'] } }, true],
  [{ kind: 'header', name: 'x-tenant', match: exact('b,a') }, { fields: { 'x-tenant': ['b', 'a'] } }, true],
  [{ kind: 'header', name: 'x-tenant', match: exact('A') }, { fields: { 'x-tenant': ['a'] } }, false],
  [
    not({ kind: 'header', name: 'x-tenant', match: exact('a') }),
    { fields: { 'x-tenant': ['b', 'a'] } },
    false,
  ],
  [not({ kind: 'header', name: 'x-tenant', match: exact('a') }), {}, true],
  [{ kind: 'header', name: 'x-tenant', match: exact('') }, {}, false],
  [{ kind: 'header', name: 'x-tenant', match: undefined }, { fields: { 'x-tenant': [''] } }, true],
  // Nobody takes the one for the other: applications behind CGI do.
  [{ kind: 'header', name: 'x-tenant', match: exact('a') }, { fields: { x_tenant: ['a'] } }, false],
  [{ kind: 'header', name: 'x-name', match: exact('ü') }, { fields: { 'x-name': ['\xc3\xbc'] } }, true],
  // The Kelvin sign has a K in lower case, beyond ASCII.
  [
    { kind: 'header', name: 'x-name', match: exact('k', true) },
    { fields: { 'x-name': ['\xe2\x84\xaa'] } },
    false,
  ],
  [{ kind: 'claim', path: ['sub'], match: exact('u'), inList: false }, { claims: { sub: 'u' } }, true],
  [
    { kind: 'claim', path: ['a', 'b'], match: exact('u'), inList: false },
    { claims: { a: { b: 'u' } } },
    true,
  ],
  [{ kind: 'claim', path: ['g'], match: exact('x'), inList: true }, { claims: { g: ['y', 'x'] } }, true],
  [{ kind: 'claim', path: ['g'], match: exact('x'), inList: true }, { claims: { g: 'x' } }, false],
  [{ kind: 'claim', path: ['g'], match: exact('x'), inList: false }, { claims: { g: ['x'] } }, false],
  [{ kind: 'claim', path: ['n'], match: exact('1'), inList: false }, { claims: { n: 1 } }, false],
  [
    { kind: 'claim', path: ['toString', 'name'], match: exact('toString'), inList: false },
    { claims: {} },
    false,
  ],
  [{ kind: 'claim', path: ['g', '0'], match: exact('x'), inList: false }, { claims: { g: ['x'] } }, false],
  [{ kind: 'claim', path: ['sub'], match: prefix(''), inList: false }, {}, false],
  [{ kind: 'and', of: [ANY, not(ANY)] }, {}, false],
  [{ kind: 'or', of: [not(ANY), ANY] }, {}, true],
]

t.test('what each matcher matches', async (t) => {
  for (const [matcher, facts, matches] of LEAVES)
    t.equal(hits(matcher, facts), matches, `${JSON.stringify(matcher)} of ${JSON.stringify(facts)}`)
})

t.test(
  'the stages: DENY beats ALLOW, and an ALLOW stage refuses what none of its rules matches',
  async (t) => {
    const get = rule('n/get/0', { kind: 'method', match: exact('GET') })
    const admin = rule('n/admin/0', { kind: 'path', match: prefix('/admin') })
    t.match(decide([]), { allowed: true, action: undefined, rule: '' })
    t.match(decide([stage('DENY', admin)]), { allowed: true, action: undefined, rule: '' })
    t.match(decide([stage('DENY', admin), stage('ALLOW', get)]), {
      allowed: true,
      action: 'ALLOW',
      rule: 'n/get/0',
    })
    t.match(decide([stage('DENY', admin), stage('ALLOW', get)], { path: '/admin/x' }), {
      allowed: false,
      action: 'DENY',
      rule: 'n/admin/0',
    })
    t.match(decide([stage('ALLOW', get)], { method: 'POST' }), { allowed: false, action: 'ALLOW', rule: '' })
    t.match(decide([stage('ALLOW')]), { allowed: false, action: 'ALLOW', rule: '' })
    t.match(decide([{ action: 'ALLOW', enforced: undefined, shadow: undefined }]), { allowed: true })
  },
)

t.test('of several rules the first by name decides', async (t) => {
  t.equal(decide([stage('ALLOW', rule('n/b/0', ANY), rule('n/a/1', ANY), rule('n/a/0', ANY))]).rule, 'n/a/0')
})

t.test('AUDIT rules are told, whatever else is decided', async (t) => {
  const audit = stage(
    'AUDIT',
    rule('n/log/0', ANY),
    rule('n/log/1', not(ANY)),
    rule('n/log/2', { kind: 'method', match: exact('GET') }),
  )
  t.same(decide([audit]).audited, ['n/log/0', 'n/log/2'])
  t.match(decide([audit, stage('ALLOW')]), { allowed: false, audited: ['n/log/0', 'n/log/2'] })
  t.same(decide([stage('ALLOW', rule('n/a/0', ANY))]).audited, [])
})

t.test('a dry run decides beside what is enforced', async (t) => {
  const all = rule('n/all/0', ANY)
  const none = rule('n/none/0', ANY)
  t.equal(decide([stage('ALLOW', all)]).shadow, undefined)
  const deny = { action: 'DENY', enforced: undefined, shadow: [none] } as const
  t.match(decide([deny, stage('ALLOW', all)]), {
    allowed: true,
    rule: 'n/all/0',
    shadow: { allowed: false, rule: 'n/none/0' },
  })
  // What is enforced holds in the dry run of another stage, too.
  const allow = { action: 'ALLOW', enforced: undefined, shadow: [all] } as const
  t.match(decide([stage('DENY', none), allow]), {
    allowed: false,
    shadow: { allowed: false, rule: 'n/none/0' },
  })
  t.match(decide([allow]), { allowed: true, rule: '', shadow: { allowed: true, rule: 'n/all/0' } })
  t.match(decide([{ ...allow, shadow: [] }]), { allowed: true, shadow: { allowed: false, rule: '' } })
})

t.test('what is no UTF-8 fails closed, beneath a not as well', async (t) => {
  const tenant: Matcher = { kind: 'header', name: 'x-tenant', match: exact('a') }
  const bad = { fields: { 'x-tenant': ['\xff'] } }
  for (const matcher of [tenant, not(tenant), not(not(tenant))]) {
    t.equal(decide([stage('DENY', rule('n/d/0', matcher))], bad).allowed, false)
    t.equal(decide([stage('ALLOW', rule('n/a/0', matcher))], bad).allowed, false)
  }
  // One value that says it is enough, and one that says nothing is not.
  t.equal(hits(tenant, { fields: { 'x-tenant': ['\xff', 'a'] } }), true)
  t.equal(hits(not(tenant), { fields: { 'x-tenant': ['\xff', 'b'] } }), false)
  t.equal(hits({ kind: 'header', name: 'x-tenant', match: undefined }, bad), true)
  const admin: Matcher = { kind: 'path', match: prefix('/admin') }
  t.equal(decide([stage('DENY', rule('n/d/0', admin))], { path: '/\xfe' }).allowed, false)
  t.equal(decide([stage('ALLOW', rule('n/a/0', not(admin)))], { path: '/\xfe' }).allowed, false)
})

t.test('rules about requests, held against a connection: DENY denies, ALLOW does not allow', async (t) => {
  const method: Matcher = { kind: 'method', match: exact('GET') }
  const facts = requestFacts({})
  for (const matcher of [method, not(method)]) {
    t.equal(compile([stage('DENY', rule('n/d/0', matcher))], 'connection').decide(facts).allowed, false)
    t.equal(compile([stage('ALLOW', rule('n/a/0', matcher))], 'connection').decide(facts).allowed, false)
  }
  const port: Matcher = { kind: 'and', of: [{ kind: 'port', start: 1, end: 2 }, method] }
  t.equal(compile([stage('DENY', rule('n/d/0', port))], 'connection').decide(facts).allowed, true)
})

t.test('connections that show the same share what is narrowed to them', async (t) => {
  const identity: Matcher = { kind: 'identity', match: exact('spiffe://a/ns/b/sa/c') }
  const decider = compile(
    [stage('ALLOW', rule('n/a/0', { kind: 'method', match: exact('GET') }, identity))],
    'request',
  )
  const one = decider.narrow(requestFacts({ identity: 'spiffe://a/ns/b/sa/d' }))
  t.equal(decider.narrow(requestFacts({ identity: 'spiffe://a/ns/b/sa/e' })), one)
  t.not(decider.narrow(requestFacts({ identity: 'spiffe://a/ns/b/sa/c' })), one)
})

t.test('any of several methods: what is no UTF-8 can not be told, and nothing else is', async (t) => {
  const methods = (...of: string[]): Matcher => ({
    kind: 'or',
    of: of.map((value) => ({ kind: 'method', match: exact(value) })),
  })
  const decides = (matcher: Matcher, method: string): boolean[] => [
    decide([stage('DENY', rule('n/d/0', matcher))], { method }).allowed,
    decide([stage('ALLOW', rule('n/a/0', matcher))], { method }).allowed,
  ]
  // By method: whether a DENY lets it pass, and whether an ALLOW does.
  for (const [method, ...allowed] of [
    ['GET', false, true],
    ['HEAD', false, true],
    ['get', true, false],
    ['', true, false],
    ['G\xc3\x89T', true, false],
    ['\xff', false, false],
  ] as const) {
    t.same(decides(methods('GET', 'HEAD'), method), allowed, method)
    t.same(
      decides(not(methods('GET', 'HEAD')), method),
      method === '\xff' ? allowed : allowed.toReversed(),
      method,
    )
  }
  t.same(decides(methods('GET', 'G\u00c9T'), 'G\xc3\x89T'), [false, true], 'UTF-8 beyond ASCII is read')
  t.same(decides(methods(), 'GET'), [true, false], 'none of none')
})

t.test('a request that passes leaves no new object, whatever else is decided of it', async (t) => {
  const all = rule('n/all/0', ANY)
  const get = rule('n/get/0', { kind: 'method', match: exact('GET') })
  const stages: RuleSet = [
    stage('AUDIT', rule('n/audit/0', not(ANY))),
    { action: 'DENY', enforced: undefined, shadow: [get] },
    { action: 'ALLOW', enforced: [all], shadow: [get] },
  ]
  const decider = compile(stages, 'request').narrow(requestFacts({}))
  const got = decider.decide(requestFacts({ method: 'GET' }))
  t.equal(decider.decide(requestFacts({ method: 'GET', path: '/other' })), got)
  t.match(got, { allowed: true, rule: 'n/all/0', audited: [], shadow: { allowed: false, rule: 'n/get/0' } })
  const posted = decider.decide(requestFacts({ method: 'POST' }))
  t.equal(decider.decide(requestFacts({ method: 'POST' })), posted)
  t.match(posted, { allowed: true, rule: 'n/all/0', shadow: { allowed: false, rule: '' } })
})

t.test('of a connection nothing is asked any more that it has answered', async (t) => {
  let asked = 0
  const facts = requestFacts({ identity: 'spiffe://a/ns/b/sa/c' })
  Object.defineProperty(facts, 'sourceAddress', { get: () => (asked++, '10.0.0.1') })
  const decider = compile(
    [
      stage(
        'ALLOW',
        rule('n/a/0', {
          kind: 'and',
          of: [
            not({ kind: 'source-ip', prefix: '10.1.0.0', bits: 16 }),
            { kind: 'method', match: exact('GET') },
          ],
        }),
      ),
    ],
    'request',
  ).narrow(facts)
  const before = asked
  t.ok(before > 0)
  t.equal(decider.decide(facts).allowed, true)
  t.equal(asked, before)
})
