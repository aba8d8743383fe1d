import t from 'tap'
import { decideAt, type Arrival, type ArrivedRequest } from './decide.ts'
import { effectiveText } from './effective.ts'
import { all, caller, method, PAY, policy, portView, rule, stage, WEB, ANY } from './testing/views.ts'
import { verdictText } from './verdict-text.ts'

const request = (over: Partial<ArrivedRequest> = {}): ArrivedRequest => ({
  method: 'POST',
  authority: '',
  path: '/charge',
  values: () => [],
  claims: undefined,
  ...over,
})
const arrival = (over: Partial<Arrival> = {}): Arrival => ({
  identity: WEB,
  sourceAddress: '10.0.0.7',
  destinationAddress: '10.0.0.9',
  port: 8080,
  sni: '',
  request: request(),
  unknown: new Set(),
  ...over,
})

t.test('what decides is what sidecars decide by', (t) => {
  t.match(decideAt(PAY, arrival()), { verdict: 'allowed', by: 'ALLOW', rule: 'payments/pay/0' })
  t.match(decideAt(PAY, arrival({ request: request({ method: 'GET' }) })), {
    verdict: 'refused',
    by: 'ALLOW',
    rule: '',
    explanation: { nearest: { rule: 'payments/pay/0', unmet: ['method is GET, the rule asks for POST'] } },
    sources: { 'payments/pay/0': { level: 'Service', target: 'pay' } },
    covering: ['payments/pay'],
  })
  t.match(decideAt(PAY, arrival({ request: request({ path: '/x/../admin' }) })), {
    verdict: 'refused',
    by: 'DENY',
    rule: 'payments/no-admin/0',
    notes: ['the path is put in order: /admin'],
  })
  t.match(decideAt(PAY, arrival({ request: request({ path: '/%2e%2e/x' }) })), {
    verdict: 'refused',
    by: 'path',
    notes: [/answered with 400/],
  })
  const redirecting = { ...PAY, paths: { ...PAY.paths, escapedSlashes: 'redirect' as const } }
  t.match(decideAt(redirecting, arrival({ request: request({ path: '/a%2Fb' }) })), {
    by: 'path',
    notes: ['led to /a/b by 307'],
  })
  const asTheyCome = {
    ...PAY,
    paths: { normalize: false, escapedSlashes: 'keep', parameters: 'keep' } as const,
  }
  t.match(decideAt(asTheyCome, arrival({ request: request({ path: '//charge' }) })), {
    verdict: 'refused',
    notes: [],
  })
  t.match(decideAt(PAY, arrival({ request: request({ path: '//charge' }) })), { verdict: 'allowed' })
  t.end()
})

t.test('plaintext under STRICT, ports past the sidecar, and ports of TCP', (t) => {
  t.match(decideAt(PAY, arrival({ port: 5432, identity: '', request: undefined })), {
    verdict: 'refused',
    by: 'mTLS',
    notes: ['port 5432 takes mutual TLS alone: STRICT (PeerAuthentication payments/strict)'],
  })
  t.match(decideAt(PAY, arrival({ port: 5432 })), {
    verdict: 'refused',
    by: 'ALLOW',
    rule: '',
    notes: ['port 5432 carries opaque: nobody looks at requests, and rules of TCP decide'],
  })
  t.match(decideAt(PAY, arrival({ port: 9000 })), { verdict: 'allowed', by: null, notes: [/not captured/] })
  t.match(decideAt({ ...PAY, captured: { include: [80], exclude: [] } }, arrival()), {
    by: null,
    notes: [/not captured/],
  })
  t.match(decideAt(PAY, arrival({ port: 7777 })), {
    verdict: 'allowed',
    by: null,
    decision: { value: 'Allow' },
  })
  t.match(decideAt(PAY, arrival({ request: undefined })), { by: 'protocol', notes: [/declared as http/] })
  t.match(decideAt({ ...PAY, ports: [] }, arrival()), { verdict: 'unknown' })
  t.end()
})

t.test('dry runs and audits stand beside what is decided', (t) => {
  const deny = rule('payments/trial/0', ANY, method('POST'))
  const view = {
    ...PAY,
    ports: [
      portView({
        http: [
          stage('AUDIT', rule('payments/log/0', caller(WEB), ANY)),
          { action: 'DENY' as const, enforced: undefined, shadow: [deny] },
        ],
        sources: [policy('trial', { action: 'DENY', dryRun: true }), policy('log', { action: 'AUDIT' })],
      }),
    ],
  }
  const verdict = decideAt(view, arrival())
  t.match(verdict, {
    verdict: 'allowed',
    audited: ['payments/log/0'],
    dryRun: { verdict: 'refused', denies: [{ rule: 'payments/trial/0', met: ['method is POST'] }] },
    covering: [],
  })
  t.equal(
    verdictText(verdict),
    `allowed at payments/pay-1, port 8080
  no policy of ALLOW covers it: the default decision is Allow, as nobody said otherwise
  once dry runs are over it would be refused:
    payments/trial/0 (level namespace, dry run)
      method is POST
  logged by payments/log/0 (level namespace)
`,
  )
  t.end()
})

t.test('a person reads which rule, and what would have to change', (t) => {
  t.equal(
    verdictText(decideAt(PAY, arrival({ identity: 'spiffe://cluster.local/ns/evil/sa/x' }))),
    `refused at payments/pay-1, port 8080
  no rule lets it in; payments/pay/0 (Service pay) comes nearest; this would have to change:
    caller is spiffe://cluster.local/ns/evil/sa/x, the rule asks for ${WEB}
`,
  )
  t.equal(
    verdictText(decideAt(PAY, arrival({ request: request({ path: '/admin' }) }))),
    `refused at payments/pay-1, port 8080
  DENY payments/no-admin/0 (level mesh) matches; it would not, if one of these were otherwise:
    path is /admin
  no rule lets it in; payments/pay/0 (Service pay) comes nearest; this would have to change:
    path is /admin, the rule asks for /charge
`,
  )
  t.equal(
    verdictText(decideAt(PAY, arrival({ port: 5432, request: undefined }))),
    `refused at payments/pay-1, port 5432
  no rule lets it in: payments/closed covers the port, and no rule there can match
`,
  )
  const denied = {
    ...PAY,
    ports: [portView({ http: [stage('ALLOW')], decision: { value: 'Deny', from: 'MeshPolicy' } })],
  }
  t.match(
    verdictText(decideAt(denied, arrival())),
    'no rule lets it in: the default decision is Deny (MeshPolicy)',
  )
  const header = all(caller(WEB), { kind: 'header', name: 'x-tenant', match: undefined })
  const asks = { ...PAY, ports: [portView({ http: [stage('ALLOW', rule('payments/t/0', header, ANY))] })] }
  const unknown = verdictText(decideAt(asks, arrival({ unknown: new Set(['header']) })))
  t.equal(
    unknown,
    `it depends at payments/pay-1, port 8080
    header x-tenant is not known; the rule asks for any
`,
  )
  t.end()
})

t.test('what holds for a pod, for a person', (t) => {
  t.equal(
    effectiveText(PAY),
    `payments/pay-1  spiffe://cluster.local/ns/payments/sa/pay

port 5432 (opaque):
  mutual TLS STRICT (PeerAuthentication payments/strict)
  ALLOW payments/closed (level namespace): lets nothing in
  what no policy of ALLOW covers: Allow (nobody said otherwise)

port 8080 (http):
  mutual TLS PERMISSIVE (nobody said otherwise)
  DENY  payments/no-admin/0 (level mesh): path /admin
  ALLOW payments/pay/0 (Service pay): caller ${WEB}; method POST and path /charge
  what no policy of ALLOW covers: Allow (nobody said otherwise)

all other ports (what its first bytes say):
  mutual TLS PERMISSIVE (nobody said otherwise)
  what no policy of ALLOW covers: Allow (nobody said otherwise)

not covered by any policy:
  port 9000: weft.dev/exclude-inbound-ports
`,
  )
  t.end()
})
