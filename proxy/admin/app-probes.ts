import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { APP_PROBES_VARIABLE } from '../../core/contract.ts'
import type { AppProbe, AppProbes } from '../../core/app-probe.ts'
import { connectBeginning } from '../../core/begun-connection.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import { httpProbe, type HttpProbeOptions } from '../../core/http-probe.ts'
import { WeftError } from '../../core/errors.ts'
import { proxyProtocolHeader } from '../transport/proxy-protocol.ts'
import type { Handler, Reply } from './http-endpoint.ts'

/** Throws WeftError when the variable is not what the injector writes. */
export function parseAppProbes(text: string | undefined): ReadonlyMap<string, AppProbe> {
  if (text === undefined || text === '') return new Map()
  try {
    return new Map(Object.entries(JSON.parse(text) as AppProbes))
  } catch (error) {
    throw new WeftError('probes.malformed', 'must be the JSON that the injector writes', {
      field: APP_PROBES_VARIABLE,
      cause: error,
    })
  }
}

// Of a kubelet, whose own name is passed on; this where somebody else asks.
const KUBELET = /^kube-probe\/[\w.+-]{1,32}$/
const KUBE_PROBE = 'kube-probe/1.34'

/**
 * Answers `/app-health/<container>/<kind>` by making the original probe against the pod's own address, as the kubelet
 * that asks would. Who asks while one of the same kind is under way gets its answer: nobody loads the application so.
 * Probes of ports in `proxyProtocol` say by it that they are nobody's (LOCAL, UNKNOWN).
 */
export function appProbeHandler(
  probes: ReadonlyMap<string, AppProbe>,
  host: string,
  proxyProtocol: ReadonlyMap<number, ProxyProtocolVersion> = new Map(),
): Handler {
  const header = (port: number): Buffer | undefined => {
    const version = proxyProtocol.get(port)
    return version && proxyProtocolHeader(version, undefined)
  }
  const underWay = new Map<string, Promise<Reply>>()
  return (url, message) => {
    const probe = probes.get(url.pathname)
    if (!probe) return undefined
    const known = underWay.get(url.pathname)
    if (known) return known
    const agent = message.headers['user-agent'] ?? ''
    const reply = runProbe(probe, host, KUBELET.test(agent) ? agent : KUBE_PROBE, header)
    underWay.set(url.pathname, reply)
    // It never rejects.
    void reply.finally(() => underWay.delete(url.pathname))
    return reply
  }
}

async function runProbe(
  probe: AppProbe,
  host: string,
  userAgent: string,
  header: (port: number) => Buffer | undefined,
): Promise<Reply> {
  const timeoutMs = Math.max(probe.timeoutSeconds, 1) * 1000
  try {
    if (probe.httpGet) {
      const status = await httpProbe(probe.httpGet, host, { timeoutMs, userAgent, header })
      const ok = status >= 200 && status < 400
      return { status: ok ? 200 : 503, body: `the application answered ${status}\n` }
    }
    if (probe.tcpSocket) await tcpProbe(probe.tcpSocket.port, host, timeoutMs, header)
    if (probe.grpc) return await grpcProbe(probe.grpc, host, { timeoutMs, userAgent, header })
    return { status: 200, body: 'ok\n' }
  } catch (error) {
    return { status: 503, body: `${error instanceof Error ? error.message : 'failed'}\n` }
  }
}

function tcpProbe(
  port: number,
  host: string,
  timeoutMs: number,
  headerOf: (port: number) => Buffer | undefined,
): Promise<void> {
  const header = headerOf(port)
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, timeout: timeoutMs }, () => {
      if (header) socket.end(header, () => socket.destroy())
      else socket.destroy()
      resolve()
    })
    socket.on('timeout', () => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)))
    socket.on('error', reject)
  })
}

/** grpc.health.v1.Health/Check: SERVING is 1. The two messages are small enough to be written here. */
function grpcProbe(
  probe: NonNullable<AppProbe['grpc']>,
  host: string,
  { timeoutMs, userAgent, header: headerOf }: HttpProbeOptions,
): Promise<Reply> {
  const name = Buffer.from(probe.service)
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name])
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(message.length, 1)
  return new Promise((resolve, reject) => {
    const header = headerOf?.(probe.port)
    const session = connectHttp2(
      `http://${host.includes(':') ? `[${host}]` : host}:${probe.port}`,
      header ? { createConnection: () => connectBeginning(header, host, probe.port) } : {},
    )
    const timer = setTimeout(() => session.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    session.on('error', reject)
    session.on('close', () => clearTimeout(timer))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'user-agent': userAgent,
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('end', () => {
      session.close()
      const serving = Buffer.concat(chunks)
        .subarray(5)
        .equals(Buffer.from([0x08, 1]))
      resolve({ status: serving ? 200 : 503, body: serving ? 'SERVING\n' : 'not SERVING\n' })
    })
    stream.end(Buffer.concat([frame, message]))
  })
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}
