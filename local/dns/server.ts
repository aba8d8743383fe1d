import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { CODE, decodeQuery, encodeResponse } from './codec.ts'
import { lookUp } from './zone.ts'
import type { Zone } from './zone.ts'

const TTL_SECONDS = 5
const UDP_LIMIT = 512
const TCP_LIMIT = 65_535
const TCP_IDLE_MS = 5000

export interface DnsServer {
  close(): void
}

/** Answers from the zone that `zone()` gives at the time; asks nobody else. UDP and TCP (RFC 1035, 4.2). */
export async function startDns(address: string, port: number, zone: () => Zone): Promise<DnsServer> {
  const udp = createSocket('udp4')
  udp.on('message', (packet, peer) => {
    const answer = respond(packet, zone(), UDP_LIMIT)
    if (answer) udp.send(answer, peer.port, peer.address, () => {})
  })
  udp.bind(port, address)
  await once(udp, 'listening')
  const tcp = createServer((socket) => {
    let buffered: Buffer = Buffer.alloc(0)
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk])
      while (buffered.length >= 2) {
        const size = buffered.readUInt16BE(0)
        if (buffered.length < size + 2) return
        const answer = respond(buffered.subarray(2, size + 2), zone(), TCP_LIMIT)
        buffered = buffered.subarray(size + 2)
        if (!answer) {
          socket.destroy()
          return
        }
        const head = Buffer.alloc(2)
        head.writeUInt16BE(answer.length)
        socket.write(Buffer.concat([head, answer]))
      }
    })
  })
  tcp.listen(udp.address().port, address)
  await once(tcp, 'listening')
  return {
    close() {
      udp.close()
      tcp.close()
    },
  }
}

/** The answer to one packet; undefined for what is no query. */
export function respond(packet: Buffer, zone: Zone, limit: number): Buffer | undefined {
  const query = decodeQuery(packet)
  if (!query) return undefined
  if (query.opcode !== 0) return encodeResponse(query, CODE.notImplemented, [], 0, limit)
  const answers = lookUp(zone, query.question.name, query.question.type)
  if (!answers) return encodeResponse(query, CODE.noSuchName, [], 0, limit)
  return encodeResponse(query, CODE.ok, answers, TTL_SECONDS, limit)
}
