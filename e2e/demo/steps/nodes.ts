import { randomBytes } from 'node:crypto'
import { insideVxlan, packetsOf } from '../../nodes/packets.ts'
import { failuresOf, load, onePod, type DemoCluster, type PodInfo, type Step } from '../scenario.ts'

// TLS 1.3 says 0x0304 in supported_versions of the ServerHello (RFC 8446 section 4.2.1).
const TLS_13 = Buffer.from([0x00, 0x2b, 0x00, 0x02, 0x03, 0x04])
const REQUESTS = '20'

/** With several nodes only: what is on the wire between two of them. */
export const nodes: Step<DemoCluster> = {
  name: 'nodes',
  expected:
    'on the wire between nodes: the overlay (vxlan) or plain pod addresses (routed), TLS 1.3 inside, and no marker',
  async run(cluster) {
    const network = await cluster.network()
    const client = await onePod(cluster, 'shop', 'client')
    const near = await cluster.nodeOf(client)
    const far = await onAnotherNode(cluster, near)
    const marker = `marker-${randomBytes(8).toString('hex')}`
    const wire = await cluster.captureWire(async () => {
      // By pod address, on connections of their own: each surely goes to the other node.
      const url = `http://${far.address}:8080/items/1`
      const report = await load(
        cluster,
        client,
        '--url',
        url,
        '--count',
        REQUESTS,
        '--header',
        `x-demo-marker:${marker}`,
      )
      if (report.failed > 0) throw new Error(`calls between nodes failed: ${failuresOf(report)}`)
    })
    const outer = packetsOf(wire)
    const overlay = outer.flatMap((packet) => insideVxlan(packet) ?? [])
    const between = (network === 'vxlan' ? overlay : outer).filter(
      ({ source, destination }) =>
        (source === client.address && destination === far.address) ||
        (source === far.address && destination === client.address),
    )
    const tls13 = between.some(({ payload }) => payload.includes(TLS_13))
    const hidden = !wire.includes(marker)
    const asExpected = overlay.length > 0 === (network === 'vxlan')
    const what = network === 'vxlan' ? `${overlay.length} packets of the overlay` : 'no overlay'
    return {
      ok: asExpected && between.length > 0 && tls13 && hidden,
      observed:
        `${client.address} on ${near}, ${far.address} on ${await cluster.nodeOf(far)}: ${what}, ${between.length} packets ` +
        `between these pods, TLS 1.3 ${tls13 ? 'seen' : 'NOT SEEN'}, marker ${hidden ? 'not seen' : 'SEEN'}`,
    }
  },
}

async function onAnotherNode(cluster: DemoCluster, node: string): Promise<PodInfo> {
  for (const pod of await cluster.pods('shop', 'catalog'))
    if ((await cluster.nodeOf(pod)) !== node) return pod
  throw new Error('no pod of catalog is on another node')
}
