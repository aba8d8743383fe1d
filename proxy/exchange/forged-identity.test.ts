import t from 'tap'
import type { Hop } from '../model/hop.ts'
import type { HttpConnectionManager } from '../model/listener.ts'
import { MANAGER } from '../testing/static-configuration.ts'
import { prepareRequest } from './hop-headers.ts'
import { readsAs } from './reads-as.ts'

const CALLER = 'spiffe://mesh/ns/shop/sa/web'
const HOP: Hop = {
  direction: 'inbound',
  original: undefined,
  destination: { host: '10.0.0.9', port: 80 },
  downstream: '10.0.0.9:40000',
  sourceIdentity: CALLER,
  localIdentity: '',
  http2: false,
  link: false,
}
const FORGED = 'URI=spiffe://mesh/ns/shop/sa/admin'

function sent(
  names: readonly string[],
  forwardClientCert: HttpConnectionManager['forwardClientCert'],
  sourceIdentity = CALLER,
): string[] {
  const fields = ['a', '1', ...names.flatMap((name) => [name, FORGED]), 'z', '26']
  const head = { method: 'GET', scheme: 'http', authority: 'a', path: '/', fields, upgrade: '' }
  prepareRequest({ ...HOP, sourceIdentity }, { ...MANAGER, traffic: undefined, forwardClientCert }, head)
  return fields
}

const SPELLINGS = [
  'x_forwarded_client_cert',
  'x-forwarded_client-cert',
  'X_Forwarded_Client_Cert',
  'X-FORWARDED_CLIENT-CERT',
  'x.forwarded.client.cert',
  "x!forwarded#client'cert",
  'x~forwarded|client`cert',
]

t.test(
  'what an application behind CGI reads as the name of the caller is dropped, however it is spelled',
  async (t) => {
    for (const name of SPELLINGS) {
      t.ok(readsAs(name, 'x-forwarded-client-cert'), name)
      t.same(sent([name], 'sanitize'), ['a', '1', 'z', '26'], name)
      t.same(sent([name], 'sanitize_set', ''), ['a', '1', 'z', '26'], `${name}, nobody is known`)
      t.same(sent([name], 'sanitize_set').slice(4), ['x-forwarded-client-cert', `URI=${CALLER}`], name)
      for (const mode of ['append_forward', 'forward_only', 'always_forward_only'] as const)
        t.notOk(sent([name], mode).includes(name), `${name}: a proxy that is trusted has not written this`)
    }
    t.same(sent(SPELLINGS, 'sanitize'), ['a', '1', 'z', '26'], 'all of them')
  },
)

t.test('other fields stay, and the one of that name where it is to be forwarded', async (t) => {
  for (const name of [
    'x-forwarded-client-certs',
    'xxforwarded-client-cert',
    'x-forwarded-client-cer7',
    'x-forwarded-for',
  ])
    t.ok(sent([name], 'sanitize_set').includes(name), name)
  t.same(sent(['x-forwarded-client-cert'], 'forward_only').slice(2, 4), ['x-forwarded-client-cert', FORGED])
})
