import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect } from 'node:net'
import { APP_PROBES_VARIABLE } from '../../core/contract.ts'
import type { AppProbe, AppProbes } from '../../core/app-probe.ts'
import { WeftError } from '../../core/errors.ts'
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

/** Answers `/app-health/<container>/<kind>` by making the original probe against the pod's own address. */
export function appProbeHandler(probes: ReadonlyMap<string, AppProbe>, host: string): Handler {
  return (url) => {
    const probe = probes.get(url.pathname)
    if (!probe) return undefined
    return runProbe(probe, host)
  }
}

async function runProbe(probe: AppProbe, host: string): Promise<Reply> {
  const timeoutMs = Math.max(probe.timeoutSeconds, 1) * 1000
  try {
    if (probe.httpGet) return await httpProbe(probe.httpGet, host, timeoutMs)
    if (probe.tcpSocket) await tcpProbe(probe.tcpSocket.port, host, timeoutMs)
    if (probe.grpc) return await grpcProbe(probe.grpc, host, timeoutMs)
    return { status: 200, body: 'ok\n' }
  } catch (error) {
    return { status: 503, body: `${error instanceof Error ? error.message : 'failed'}\n` }
  }
}

function httpProbe(get: NonNullable<AppProbe['httpGet']>, host: string, timeoutMs: number): Promise<Reply> {
  const headers = Object.fromEntries(get.httpHeaders.map(({ name, value }) => [name, value]))
  return new Promise((resolve, reject) => {
    const send = get.scheme === 'HTTPS' ? requestHttps : requestHttp
    const outgoing = send(
      // The kubelet does not check the certificate of an HTTPS probe either.
      {
        host,
        port: get.port,
        path: get.path,
        headers,
        agent: false,
        timeout: timeoutMs,
        rejectUnauthorized: false,
      },
      (response) => {
        response.resume()
        const status = response.statusCode ?? 0
        const ok = status >= 200 && status < 400
        resolve({ status: ok ? 200 : 503, body: `the application answered ${status}\n` })
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    outgoing.on('error', reject)
    outgoing.end()
  })
}

function tcpProbe(port: number, host: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, timeout: timeoutMs }, () => {
      socket.destroy()
      resolve()
    })
    socket.on('timeout', () => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)))
    socket.on('error', reject)
  })
}

/** grpc.health.v1.Health/Check: SERVING is 1. The two messages are small enough to be written here. */
function grpcProbe(probe: NonNullable<AppProbe['grpc']>, host: string, timeoutMs: number): Promise<Reply> {
  const name = Buffer.from(probe.service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(message.length, 1)
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://${host.includes(':') ? `[${host}]` : host}:${probe.port}`)
    const timer = setTimeout(() => session.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    session.on('error', reject)
    session.on('close', () => clearTimeout(timer))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
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
