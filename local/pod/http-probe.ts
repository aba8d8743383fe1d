import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Action } from '../manifest/pod-spec.ts'

/** What the kubelet of these Kubernetes versions calls itself. */
export const PROBE_USER_AGENT = 'kube-probe/1.35'

/** The kubelet reads so much of an answer and takes that for all. */
const MAX_BODY_BYTES = 10 << 10
const MAX_REDIRECTS = 10
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * One GET as the kubelet makes it: a connection of its own, no check of certificates, its User-Agent and Accept unless
 * the probe has its own (an empty one sends none), redirects followed on the same host only. Resolves to the status
 * that counts. Source: Kubernetes, pkg/probe/http (request.go, http.go).
 */
export async function httpProbe(
  action: Action & { readonly type: 'http' },
  ip: string,
  port: number,
  signal: AbortSignal,
): Promise<number> {
  let url = probeUrl(action, ip, port)
  const headers = probeHeaders(action.headers)
  for (let count = 0; ; count++) {
    const answer = await get(url, headers, signal)
    const { statusCode = 0 } = answer
    const { location } = answer.headers
    if (!REDIRECTS.has(statusCode) || location === undefined) return statusCode
    const next = new URL(location, url)
    // Elsewhere: the redirect itself is the answer, and a good one.
    if (next.hostname !== url.hostname || !/^https?:$/.test(next.protocol)) return statusCode
    if (count >= MAX_REDIRECTS - 1) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`)
    // A Host of the probe's own stays with a relative location only, as Go's client has it.
    if (/^https?:/i.test(location)) delete headers['host']
    url = next
  }
}

/** A path without a slash has one all the same; a query in it is a query. */
function probeUrl(action: Action & { readonly type: 'http' }, ip: string, port: number): URL {
  const host = ip.includes(':') ? `[${ip}]` : ip
  const path = action.path.startsWith('/') ? action.path : `/${action.path}`
  return new URL(`${action.scheme}://${host}:${port}${path}`)
}

function probeHeaders(own: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': PROBE_USER_AGENT, accept: '*/*' }
  for (const [name, value] of Object.entries(own)) {
    const key = name.toLowerCase()
    if (value === '' && (key === 'user-agent' || key === 'accept')) delete headers[key]
    else headers[key] = value
  }
  return headers
}

function get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    // A server name of TLS goes with a name, and this is an address, whatever the Host.
    const options = { headers, signal, agent: false, rejectUnauthorized: false, servername: '' }
    const outgoing = send(url, options, (answer) => {
      let bytes = 0
      answer.on('error', reject)
      answer.on('end', () => resolve(answer))
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes < MAX_BODY_BYTES) return
        resolve(answer)
        outgoing.destroy()
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
