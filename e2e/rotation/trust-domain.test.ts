import type { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import t from 'tap'
import { parseSpiffeId } from '../../certs/spiffe-id.ts'
import { ALPN_LINK } from '../../core/contract.ts'
import { PORTS, SERVERS, startBed } from './bed.ts'
import { Load, startApplications, USES } from './load.ts'

const OLD = { trustDomain: 'cluster.local', aliases: [] }
const BOTH = { trustDomain: 'cluster.local', aliases: ['mesh.example'] }
const NEW = { trustDomain: 'mesh.example', aliases: ['cluster.local'] }

/** The certificate of a server; undefined while there is no server. */
function certificateAt(address: string): Promise<X509Certificate | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port: PORTS.http.pod,
      ALPNProtocols: [ALPN_LINK],
      rejectUnauthorized: false,
    })
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate())
      socket.destroy()
    })
  })
}

async function domainAt(address: string): Promise<string | undefined> {
  const name = (await certificateAt(address))?.subjectAltName
  return name === undefined ? undefined : parseSpiffeId(name.slice('URI:'.length)).trustDomain
}

async function serialAt(address: string): Promise<string | undefined> {
  return (await certificateAt(address))?.serialNumber
}

t.test('a mesh moves to another trust domain under load, pod by pod, and nothing fails', async (t) => {
  const [first, second] = SERVERS as [(typeof SERVERS)[number], (typeof SERVERS)[number]]
  const served = await startApplications(t)
  const bed = await startBed(t, t.testdir({}), { leafSeconds: 3600, skewSeconds: 0 }, [first])
  const load = new Load(bed)
  await load.ready()
  load.start()
  const done = (): number => Math.min(...USES.map((use) => load.tallies.get(use)?.done ?? 0))
  const goesOn = async (): Promise<void> => {
    const before = done()
    while (done() < before + 20 && load.failed === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await bed.replaceControlPlane(0, BOTH)
  await goesOn()
  await bed.replaceControlPlane(0, NEW)
  // A pod keeps the domain that it was injected with, and renews in it: roots that change have it renew.
  const begun = await serialAt(first.address)
  bed.ca.prepareRoot()
  bed.publishRoots()
  while ((await serialAt(first.address)) === begun && load.failed === 0) await goesOn()
  t.equal(await domainAt(first.address), OLD.trustDomain)
  // Whoever is new bears the new name, and is called by those of the old one.
  await bed.addServer(NEW.trustDomain)
  while ((await domainAt(second.address)) === undefined)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(await domainAt(second.address), NEW.trustDomain)
  while ((served.get(second.application) ?? 0) < 100 && load.failed === 0) await goesOn()
  await load.stop()
  t.strictSame(load.reasons, [])
  t.strictSame(
    bed.complaints.filter(
      (line) => /identity|trust|revoked/.test(line) && !/unreachable|UNAVAILABLE/.test(line),
    ),
    [],
  )
})
