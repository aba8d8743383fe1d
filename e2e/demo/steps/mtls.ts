import { randomBytes } from 'node:crypto'
import { failuresOf, load, onePod, type LoadReport, type Step } from '../scenario.ts'

// TLS 1.3 says 0x0304 in supported_versions of the ServerHello (RFC 8446 section 4.2.1).
const TLS_13 = Buffer.from([0x00, 0x2b, 0x00, 0x02, 0x03, 0x04])

/** A connection that the sidecar ends at its first bytes, which are no TLS. */
const REFUSED = 'connection ended without an answer'

export const mtls: Step = {
  name: 'mtls',
  expected:
    'no marker on the wire but TLS 1.3; the callee knows its caller; STRICT refuses legacy, PERMISSIVE answers',
  async run(cluster) {
    const marker = `marker-${randomBytes(8).toString('hex')}`
    const client = await onePod(cluster, 'shop', 'client')
    const catalog = await onePod(cluster, 'shop', 'catalog')
    // What comes from outside the mesh is plain text: unless the capture shows it, it would show nothing.
    const plain = `plain-${randomBytes(8).toString('hex')}`
    const legacy = await onePod(cluster, 'legacy', 'client')
    let told = ''
    let permissive: LoadReport | undefined
    const wire = await cluster.capture(async () => {
      // A new connection each, also past connections that the sidecars have open already: by pod address.
      for (const url of ['http://catalog:8080/items/1', `http://${catalog.address}:8080/items/2`]) {
        const report = await load(
          cluster,
          client,
          '--url',
          url,
          '--count',
          '10',
          '--header',
          `x-demo-marker:${marker}`,
        )
        if (report.failed > 0) throw new Error(`calls inside the mesh failed: ${failuresOf(report)}`)
        told = report.samples[0]?.text ?? ''
      }
      const outside = ['--url', 'http://catalog.shop:8080/items/1', '--count', '3']
      permissive = await load(cluster, legacy, ...outside, '--header', `x-demo-marker:${plain}`)
    })
    const hidden = !wire.includes(marker)
    const tls13 = wire.includes(TLS_13)
    const identity = told.includes('spiffe://cluster.local/ns/shop/sa/client')
    const strict = await load(cluster, legacy, '--url', 'http://inventory.shop:8080/stock/1', '--count', '3')
    // That nobody is there would look the same: a caller of the mesh gets answers meanwhile.
    const meshed = await load(cluster, client, '--url', 'http://inventory:8080/stock/1', '--count', '3')
    const refused = strict.failures[REFUSED] === 3 && Object.keys(meshed.statuses).length > 0
    const answered = permissive?.statuses['200'] === 3
    const control = wire.includes(plain)
    return {
      ok: hidden && control && tls13 && identity && refused && answered,
      observed: [
        `${wire.length} bytes captured, marker ${hidden ? 'not seen' : 'SEEN'}, that from outside the mesh ${control ? 'seen' : 'NOT SEEN'}, TLS 1.3 ${tls13 ? 'seen' : 'not seen'}`,
        `caller ${identity ? 'told' : `not told: ${told.slice(0, 200)}`}`,
        `STRICT ${refused ? 'refused' : `NOT SEEN to refuse: ${failuresOf(strict)}, and from a pod of the mesh ${failuresOf(meshed)}`}`,
        `PERMISSIVE ${answered ? 'answered' : `did not: ${permissive ? failuresOf(permissive) : 'not asked'}`}`,
      ].join('; '),
    }
  },
}
