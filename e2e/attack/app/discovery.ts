import { asPeer } from './identity.ts'
import { call, field, message, mountedToken, onSessions } from './grpc.ts'
import { tally, type Target } from './sockets.ts'

export const ADS = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources'
const CLUSTER_TYPE = 'type.googleapis.com/envoy.config.cluster.v3.Cluster'
const SIGN = '/weft.v1.Signing/Sign'

/** DiscoveryRequest: node = 2 { id = 1 }, resource_names = 3, type_url = 4. */
function request(names: readonly string[], node?: string): Buffer {
  return message(
    Buffer.concat([
      ...(node === undefined ? [] : [field(2, field(1, Buffer.from(node)))]),
      ...names.map((name) => field(3, Buffer.from(name))),
      field(4, Buffer.from(CLUSTER_TYPE)),
    ]),
  )
}

/** ADS streams that show no token, with what requests they can get in. */
export async function withoutToken(target: Target, count: number): Promise<unknown> {
  const body = request(Array.from({ length: 1000 }, (_, at) => `name-${at}`.padEnd(200, 'x')))
  const outcomes = await onSessions(target, 8, (on) =>
    Promise.all(
      Array.from({ length: count }, () =>
        call(on, { path: ADS, bodies: Array<Buffer>(8).fill(body), open: true }),
      ),
    ),
  )
  // Who gets something was let in.
  return { statuses: tally(outcomes.flat().map(({ status, body }) => (body.length > 0 ? '0' : status))) }
}

/** Streams that each subscribe to thousands of long names. */
export async function subscriptions(target: Target, count: number): Promise<unknown> {
  const token = mountedToken()
  const outcomes = await onSessions(target, 8, (on, at) =>
    Promise.all(
      Array.from({ length: count }, (_, stream) => {
        const names = Array.from({ length: 1900 }, (_unused, name) =>
          `${at}-${stream}-${name}-`.padEnd(1024, 'x'),
        )
        const bodies = [request(names, 'holder.outside'), request(names.toReversed())]
        return call(on, { path: ADS, token, bodies, open: true })
      }),
    ),
  )
  return { statuses: tally(outcomes.flat().map(({ status }) => status)) }
}

/** Length-delimited fields of this number. */
function* read(bytes: Buffer, number: number): Generator<Buffer> {
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const length = varint()
    if (tag >> 3 === number) yield bytes.subarray(at, at + length)
    at += length
  }
}

export interface OwnKey {
  /** PKCS #8 in PEM. */
  readonly key: string
  /** PKCS #10 in DER, base64. */
  readonly csr: string
}

/** Has a key certified by its token, and goes to a sidecar with the certificate, past any sidecar of its own. */
export async function certified(target: Target, controlPlane: Target, own: OwnKey): Promise<unknown> {
  const token = mountedToken()
  const [answer] = await onSessions(controlPlane, 1, (on) =>
    call(on, { path: SIGN, token, bodies: [message(field(1, Buffer.from(own.csr, 'base64')))] }),
  )
  if (answer?.status !== '0') throw new Error(`no certificate: status ${answer?.status}`)
  const chain = [...read(answer.body.subarray(5), 1)].map(
    (der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`,
  )
  return asPeer(target, own.key, chain.join(''))
}
