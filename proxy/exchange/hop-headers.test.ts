import t from 'tap'
import { ALPN_LINK, CLIENT_CERTIFICATE_HEADER, PROTOCOL_HEADER } from '../../core/contract.ts'
import { field, fieldValues } from '../http/message.ts'
import { headOf, HOP } from '../steps/testing/requests.ts'
import { forwardTo, MANAGER } from '../testing/static-configuration.ts'
import { markProtocol, prepareRequest } from './hop-headers.ts'
import { MemoryExchange } from './testing/memory-exchange.ts'

const CALLER = 'spiffe://mesh/ns/a/sa/caller'
const OURS = 'spiffe://mesh/ns/a/sa/ours'

t.test('what is said of the caller is what it proved, as the listener wants it', async (t) => {
  const proved = `By=${OURS};URI=${CALLER}`
  for (const [forwardClientCert, known, unknown] of [
    ['sanitize', [], []],
    ['sanitize_set', [proved], []],
    ['append_forward', ['claimed', proved], ['claimed']],
    ['forward_only', ['claimed'], []],
    ['always_forward_only', ['claimed'], ['claimed']],
  ] as const)
    for (const sourceIdentity of [CALLER, '']) {
      const head = headOf('/', [CLIENT_CERTIFICATE_HEADER, 'claimed', 'x-request-id', '1'])
      prepareRequest({ ...HOP, sourceIdentity, localIdentity: OURS }, { ...MANAGER, forwardClientCert }, head)
      const values = fieldValues(head.fields, CLIENT_CERTIFICATE_HEADER)
      t.same(values, sourceIdentity === '' ? unknown : known, `${forwardClientCert} ${sourceIdentity}`)
    }
  const head = headOf('/')
  prepareRequest({ ...HOP, sourceIdentity: CALLER }, { ...MANAGER, forwardClientCert: 'sanitize_set' }, head)
  t.equal(field(head.fields, CLIENT_CERTIFICATE_HEADER), `URI=${CALLER}`)
})

t.test('an id is given to the requests of the mesh that have none', async (t) => {
  const idsOf = (fields: string[], traffic?: typeof MANAGER.traffic): string[] => {
    const mesh = new MemoryExchange(forwardTo({ app: 1 }))
    mesh.settings = { ...MANAGER, traffic }
    mesh.upstream.configuration.setCluster('app', [1])
    mesh.send({ fields })
    mesh.clock.advance(0)
    return fieldValues(mesh.upstream.server(1).stream.head.fields, 'x-request-id')
  }
  const [id, ...more] = idsOf([], 'inbound')
  t.match(id, /^[0-9a-f-]{36}$/)
  t.same(more, [])
  t.same(idsOf(['x-request-id', 'own'], 'inbound'), ['own'])
  t.same(idsOf([]), [], 'of a proxy that takes no part in traces')
})

t.test('nobody outside the mesh says what a request began as', async (t) => {
  const head = headOf('/', [PROTOCOL_HEADER, '2'])
  prepareRequest(HOP, MANAGER, head)
  t.equal(field(head.fields, PROTOCOL_HEADER), undefined)
  for (const [alpn, http2, said] of [
    [ALPN_LINK, true, ['2']],
    [ALPN_LINK, false, []],
    ['h2', true, []],
  ] as const) {
    const marked = headOf('/', [PROTOCOL_HEADER, '1'])
    markProtocol(marked, alpn, http2)
    t.same(
      marked.fields.filter((_, i) => i % 2 === 1),
      said,
    )
  }
})
