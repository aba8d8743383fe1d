/** An IPv4 packet on a wire. */
export interface Packet {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  /** As its header says it. */
  readonly length: number
  readonly dontFragment: boolean
  /** It is a part of one. */
  readonly fragment: boolean
  readonly payload: Buffer
}

const PCAP_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET_HEADER = 14
const UDP = 17
const UDP_AND_VXLAN = 16
const VXLAN_PORT = 8472

/** IPv4 packets of a capture by tcpdump on an Ethernet device, in this machine's byte order (pcap-savefile(5)). */
export function packetsOf(capture: Buffer): Packet[] {
  const packets: Packet[] = []
  let at = PCAP_HEADER
  while (at + RECORD_HEADER <= capture.length) {
    const size = capture.readUInt32LE(at + 8)
    const packet = ethernet(capture.subarray(at + RECORD_HEADER, at + RECORD_HEADER + size))
    if (packet) packets.push(packet)
    at += RECORD_HEADER + size
  }
  return packets
}

/** What a VXLAN packet carries (RFC 7348, section 5); undefined of any other. */
export function insideVxlan({ protocol, payload }: Packet): Packet | undefined {
  if (protocol !== UDP || payload.length < UDP_AND_VXLAN || payload.readUInt16BE(2) !== VXLAN_PORT)
    return undefined
  return ethernet(payload.subarray(UDP_AND_VXLAN))
}

function ethernet(frame: Buffer): Packet | undefined {
  if (frame.length < ETHERNET_HEADER + 20 || frame.readUInt16BE(12) !== 0x0800) return undefined
  const ip = frame.subarray(ETHERNET_HEADER)
  const fragments = ip.readUInt16BE(6)
  return {
    source: [...ip.subarray(12, 16)].join('.'),
    destination: [...ip.subarray(16, 20)].join('.'),
    protocol: ip[9] ?? 0,
    length: ip.readUInt16BE(2),
    dontFragment: (fragments & 0x4000) !== 0,
    fragment: (fragments & 0x3fff) !== 0,
    payload: ip.subarray(((ip[0] ?? 0) & 0xf) * 4),
  }
}
