import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { ALPN_TCP } from '../../core/contract.ts'
import { connected } from '../../core/testing/connected.ts'
import type { WorkloadSecrets } from '../../proxy/transport/tls-contexts.ts'
import type { Call } from './scene.ts'

/** What a caller sees. */
export interface Answer {
  readonly allowed: boolean
  /** Of a request; 0: none came. */
  readonly status: number
  readonly body: string
}

export interface Place {
  readonly host: string
  readonly port: number
  /** Where the caller is; the machine chooses where nothing is said. */
  readonly localAddress?: string
}

/** From where a call comes, to one of the pod's addresses of that family. */
export function placeOf(
  { address }: Call,
  to: { readonly host: string; readonly host6: string },
  port: number,
): Place {
  // To a socket a mapped address is one of IPv4.
  const localAddress = address.replace(/^::ffff:/, '')
  return { host: localAddress.includes(':') ? to.host6 : to.host, port, localAddress }
}

/** A connection in plaintext. */
export async function plainConnection(place: Place): Promise<Socket> {
  const socket = connect(place)
  socket.on('error', () => {})
  await connected(socket)
  return socket
}

/** One with mutual TLS, as a caller's sidecar opens it: to a place, or by a connection in plaintext. */
export async function meshConnection(
  to: Place | Socket,
  { certificatePem, privateKeyPem, bundlePem }: WorkloadSecrets,
  alpn: 'http/1.1' | typeof ALPN_TCP,
): Promise<Socket> {
  const options: ConnectionOptions & { readonly localAddress?: string } = {
    ...(to instanceof Socket ? { socket: to } : to),
    cert: certificatePem,
    key: privateKeyPem,
    ca: bundlePem,
    ALPNProtocols: [alpn],
    minVersion: 'TLSv1.3',
    checkServerIdentity: () => undefined,
  }
  const socket = connectTls(options)
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** The status of a request on an open connection; 0: it was closed. */
export async function statusOn(socket: Socket, request: string): Promise<number> {
  let came = ''
  const { promise, resolve } = Promise.withResolvers<void>()
  const take = (chunk: Buffer): void => {
    came += chunk.toString('latin1')
    const body = came.split('\r\n\r\n')[1]
    if (body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(came)?.[1] ?? 0)) resolve()
  }
  socket.on('data', take).once('close', resolve)
  if (socket.closed) resolve()
  else socket.write(request)
  await promise
  socket.off('data', take).off('close', resolve)
  return Number(came.slice(9, 12))
}

/** Makes the call on this connection, and ends it. */
export async function callOn(socket: Socket, call: Call): Promise<Answer> {
  let came = ''
  socket.on('data', (chunk: Buffer) => {
    came += chunk.toString('latin1')
    if (call.bytes || /\r\n\r\n/.test(came)) socket.end()
  })
  socket.write(call.bytes ? await firstBytes(call) : requestOf(call), 'latin1')
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  if (call.bytes) return { allowed: came !== '', status: 0, body: '' }
  const [head = '', body = ''] = came.split('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0)
  // Callers of gRPC are told by PERMISSION_DENIED.
  return { allowed: status === 200 && !/^grpc-status: 7\r?$/im.test(head), status, body }
}

function requestOf({ method, path, host, headers }: Call): string {
  const fields = [
    `host: ${host}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    'content-length: 0',
  ]
  return `${method} ${path} HTTP/1.1\r\n${fields.join('\r\n')}\r\nconnection: close\r\n\r\n`
}

/** What begins no HTTP; on a port that passes TLS on, what TLS begins with. */
async function firstBytes({ sni }: Call): Promise<string> {
  if (sni === '') return '\x00\x01bytes\n'
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      resolve(chunk)
      done()
    },
  })
  const client = connectTls({ socket: wire, servername: sni })
  client.on('error', () => {})
  const hello = await promise
  client.destroy()
  return hello.toString('latin1')
}
