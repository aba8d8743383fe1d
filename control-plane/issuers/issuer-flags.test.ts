import t from 'tap'
import { readIssuer, type IssuerValues } from './issuer-flags.ts'

const VAULT = { issuer: 'vault', 'vault-address': 'https://vault:8200/', 'vault-role': 'weft' }
const SPIRE = {
  issuer: 'spire',
  'spire-agent-socket': 'unix:///run/agent.sock',
  'spire-server': 'spire:8081',
}

t.test('what each kind is read as', async (t) => {
  t.strictSame(readIssuer({}), { kind: 'own' })
  t.strictSame(readIssuer({ issuer: 'kubernetes-csr', 'issuer-signer': 'example.com/mesh' }), {
    kind: 'kubernetes-csr',
    signerName: 'example.com/mesh',
    configMap: undefined,
  })
  t.match(readIssuer({ ...VAULT, 'vault-kubernetes-role': 'weft' }), {
    address: 'https://vault:8200',
    mount: 'pki',
    endpoint: 'sign',
    login: {
      kind: 'kubernetes',
      mount: 'kubernetes',
      tokenPath: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    },
  })
  t.match(readIssuer({ ...VAULT, 'vault-token-file': '/t', 'vault-mount': 'a/b' }), {
    mount: 'a/b',
    login: { kind: 'token-file', path: '/t' },
  })
  t.strictSame(readIssuer(SPIRE), {
    kind: 'spire',
    agentSocket: '/run/agent.sock',
    server: { host: 'spire', port: 8081 },
  })
})

const wrong: readonly (readonly [IssuerValues, string, RegExp])[] = [
  [{ issuer: 'venafi' }, '--issuer', /is one of own, kubernetes-csr, vault, spire/],
  [{ issuer: 'toString' }, '--issuer', /is one of/],
  [{ 'vault-role': 'x' }, '--vault-role', /goes with --issuer=vault only/],
  [{ ...VAULT, 'spire-server': 'a:1' }, '--spire-server', /goes with --issuer=spire only/],
  [{ issuer: 'kubernetes-csr' }, '--issuer-signer', /required/],
  [{ issuer: 'kubernetes-csr', 'issuer-signer': 'mesh' }, '--issuer-signer', /DOMAIN\/NAME/],
  [{ issuer: 'vault' }, '--vault-address', /required/],
  [VAULT, '--vault-kubernetes-role', /is required, or --vault-token-file/],
  [{ ...VAULT, 'vault-address': 'vault:8200' }, '--vault-address', /must be a URL/],
  [{ ...VAULT, 'vault-address': 'https://a:b@vault' }, '--vault-address', /without a user/],
  [{ ...VAULT, 'vault-mount': '../sys' }, '--vault-mount', /letters/],
  [{ ...VAULT, 'vault-role': 'a?b' }, '--vault-role', /letters/],
  [
    { ...VAULT, 'vault-token-file': 'a', 'vault-endpoint': 'issue' },
    '--vault-endpoint',
    /sign or sign-verbatim/,
  ],
  [{ ...VAULT, 'vault-token-file': 'a', 'vault-kubernetes-role': 'b' }, '--vault-token-file', /one login/],
  [{ ...SPIRE, 'spire-agent-socket': 'agent.sock' }, '--spire-agent-socket', /full path/],
]

t.test('what is wrong is said by its flag', async (t) => {
  for (const [values, field, message] of wrong)
    t.throws(() => readIssuer(values), { code: 'cli.flags', field, message }, JSON.stringify(values))
})
