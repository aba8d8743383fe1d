import t from 'tap'
import { createRoot } from '../../certs/authority.ts'
import { trustBundle } from '../../certs/trust-bundle.ts'
import { ManualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import type { Issuer, IssuerTrouble } from '../issuers/issuer.ts'
import { MemorySource } from '../registry/memory-source.ts'
import { tellIssuer } from './issuer-events.ts'

interface Written {
  readonly path: string
  readonly body: { readonly reason: string; readonly message: string }
}

t.test('why an issuer gives nothing, once a minute, and that it does again', async (t) => {
  const trouble = new Watched<IssuerTrouble | undefined>(undefined)
  const clock = new ManualClock(Date.now())
  const written: Written[] = []
  const bundle = trustBundle([createRoot('cluster.local', clock.now()).certificate], 'test')
  const issuer: Issuer = {
    title: 'Vault',
    trust: new Watched({ bundle, issuing: undefined }),
    trouble,
    sign: () => Promise.reject(new Error('not asked')),
    close() {},
  }
  const state = { leading: true }
  const writer = tellIssuer({
    connection: {
      server: '',
      namespace: '',
      async request(request) {
        written.push(request as Written)
        if (written.length === 2) throw new Error('refused')
        return {}
      },
      watch: async () => {},
      close: async () => {},
    },
    namespace: 'weft-system',
    snapshot: new MemorySource().snapshot,
    routeStatus: new Watched({ routeStatus: [] }),
    policyStatus: new Watched({ policyStatus: [] }),
    tokenKeys: new Watched(new Map()),
    issuer,
    counts: { totals: () => Promise.resolve([]) },
    mayWrite: () => state.leading,
    log: silentLogger,
    clock,
  })
  const since = clock.now()
  trouble.set({ code: 'issuer.unavailable', reason: 'it is sealed: unseal it', since })
  trouble.set({ code: 'issuer.unavailable', reason: 'it is sealed still', since })
  t.equal(written.length, 1)
  t.match(written[0], {
    path: '/api/v1/namespaces/weft-system/events',
    body: {
      type: 'Warning',
      reason: 'IssuerFailed',
      message: 'Vault: it is sealed: unseal it',
      involvedObject: { kind: 'Deployment', name: 'weft-control-plane' },
    },
  })
  clock.advance(60_000)
  trouble.set({ code: 'issuer.unavailable', reason: 'and still', since })
  t.equal(written.length, 2, 'and an Event that is refused is no harm')
  trouble.set(undefined)
  t.match(written[2]?.body, { type: 'Normal', reason: 'IssuerSigns', message: 'Vault signs again' })
  state.leading = false
  trouble.set({ code: 'issuer.timeout', reason: 'slow', since })
  t.equal(written.length, 3)
  await writer.stop()
})
