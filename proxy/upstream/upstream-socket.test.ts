import t from 'tap'
import { CLUSTER, endpointAt } from '../testing/static-configuration.ts'
import { meshTls } from './testing/mesh-tls.ts'
import { tlsChange, upstreamSocket } from './upstream-socket.ts'

t.test('the first match whose every key the endpoint has, else the settings of the cluster', async (t) => {
  const [first, second, own] = [meshTls(['a']), meshTls(['b']), meshTls(['c'])]
  const cluster = {
    ...CLUSTER,
    tls: own,
    socketMatches: [
      { name: 'both', metadata: { mode: 'weft', zone: 'x' }, tls: first },
      { name: 'one', metadata: { mode: 'weft' }, tls: second },
      { name: 'none', metadata: { mode: 'off' }, tls: undefined },
    ],
  }
  const tlsOf = (transportMatch: Record<string, string>) =>
    upstreamSocket(cluster, endpointAt(1, { transportMatch })).tls
  t.equal(tlsOf({ mode: 'weft', zone: 'x' }), first)
  t.equal(tlsOf({ mode: 'weft', zone: 'y' }), second)
  t.equal(tlsOf({ mode: 'off' }), undefined)
  t.equal(tlsOf({}), own)
})

t.test('a change is told by content: nothing, names of peers, or how connections are made', async (t) => {
  const tls = meshTls(['a'])
  t.equal(tlsChange(tls, meshTls(['a'])), 'none')
  t.equal(tlsChange(undefined, undefined), 'none')
  t.equal(tlsChange(tls, meshTls(['a', 'b'])), 'names')
  t.equal(tlsChange(tls, meshTls([])), 'names')
  const others = {
    alpn: meshTls(['a'], { alpn: ['http/1.1'] }),
    sni: meshTls(['a'], { sni: 'app' }),
    certificate: meshTls(['a'], { certificate: undefined }),
    version: meshTls(['a'], { minVersion: 'TLSv1.3' }),
    roots: meshTls(['a'], { validation: { roots: { kind: 'inline', pem: 'x' }, subjectAltNames: [] } }),
    unvalidated: meshTls(['a'], { validation: undefined }),
    plaintext: undefined,
  }
  for (const [what, other] of Object.entries(others)) {
    t.equal(tlsChange(tls, other), 'all', what)
    t.equal(tlsChange(other, tls), 'all', what)
  }
  t.equal(tlsChange(others.unvalidated, undefined), 'all', 'TLS that checks nobody is no plaintext')
})
