import type { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../core/log.ts'
import type { Issuer } from '../../control-plane/issuers/issuer.ts'
import { openIssuer } from '../../control-plane/issuers/open-issuer.ts'
import { eventually, play, type Step } from '../demo/scenario.ts'
import { DNS_NAMES, request, WEB } from './ask.ts'
import { SPIRE } from './programs.ts'
import { Spire } from './spire.ts'
import type { Trial } from './trial.ts'

const PATIENCE_S = 60

export const spireTrial: Trial = {
  name: 'spire',
  version: SPIRE,
  part: 'spire',
  clusterParts: [],
  async play(programs, progress) {
    const folder = mkdtempSync(join(tmpdir(), 'weft-spire-'))
    const spire = await Spire.start(programs, folder)
    try {
      return await play(spireSteps(), spire, progress)
    } finally {
      await spire.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** What must be seen of SPIRE as the authority above the mesh. */
function spireSteps(): readonly Step<Spire>[] {
  const stop = new AbortController()
  let issuer: Issuer | undefined
  const sign = async () => {
    if (!issuer) throw new Error('there is no issuer')
    const { chain, bundle } = await issuer.sign(request(), stop.signal)
    const [leaf, ca] = chain as [X509Certificate, X509Certificate]
    return { leaf, ca, bundle }
  }
  const open = (spire: Spire, waits: string[]) =>
    openIssuer(
      { kind: 'spire', agentSocket: spire.agentSocket, server: { host: '127.0.0.1', port: spire.port } },
      {
        trustDomain: 'cluster.local',
        dnsNames: DNS_NAMES,
        log: silentLogger,
        signal: stop.signal,
        waiting: (reason) => waits.push(reason),
      },
    )
  return [
    {
      name: 'no downstream entry',
      expected: 'the control plane waits, and says that the entry must be a downstream one',
      async run(spire) {
        const entry = await spire.createEntry(false)
        const waits: string[] = []
        const opening = open(spire, waits)
        const said = await eventually(PATIENCE_S, 'SPIRE refuses', async () =>
          waits.find((one) => one.includes('-downstream')),
        )
        await spire.deleteEntry(entry)
        await spire.createEntry(true)
        issuer = await opening
        return { ok: said.includes('PERMISSION_DENIED'), observed: said }
      },
    },
    {
      name: 'certificate',
      expected: `a leaf for ${WEB} below a CA of cluster.local that SPIRE signed`,
      async run() {
        const { leaf, ca, bundle } = await sign()
        const ok =
          leaf.subjectAltName === `URI:${WEB}` &&
          leaf.verify(ca.publicKey) &&
          ca.subjectAltName === 'URI:spiffe://cluster.local' &&
          bundle.roots.some((root) => ca.verify(root.publicKey))
        return {
          ok,
          observed: `${leaf.subjectAltName} below ${ca.subjectAltName}, ${bundle.roots.length} root`,
        }
      },
    },
    {
      name: 'SPIRE away',
      expected: 'certificates are given on, from the CA that is there',
      async run(spire) {
        const before = (await sign()).ca.fingerprint256
        await spire.stopServer()
        const { leaf, ca } = await sign()
        await spire.startServer()
        issuer?.close()
        return { ok: ca.fingerprint256 === before, observed: `until ${leaf.validTo}` }
      },
    },
  ]
}
