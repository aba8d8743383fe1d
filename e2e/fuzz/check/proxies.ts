import { field } from '../../../proxy/http/message.ts'
import type { ProxyName, RunningProxy } from '../peers/proxies.ts'
import { type FramedRequest, partialDifference, quote, requestDifference, SENTINEL } from '../view/framed.ts'
import { type AcceptedRequest, isChunked, weftServerView } from '../view/weft-server.ts'
import type { CheckedRequests } from './requests.ts'

/** What one proxy made of what Weft accepted of one stream, and of what Weft sends on. */
export interface ProxyVerdict {
  readonly connections: number
  /** Requests as received that it framed alike. */
  readonly agreed: number
  /** It was stricter with a request as received. */
  readonly refused: boolean
  /** Requests as sent on that it took, framed alike. */
  readonly forwarded: number
  /** Requests as sent on that it refuses by a rule of its own, and that were not sent. */
  readonly excused: number
  readonly differences: readonly string[]
}

const SENTINEL_REQUEST: FramedRequest = { method: 'GET', target: '/sentinel', body: '' }

/** Sends both to `proxy`, and compares. */
export async function checkWithProxy(proxy: RunningProxy, checked: CheckedRequests): Promise<ProxyVerdict> {
  const differences: string[] = []
  const { accepted, partial } = checked
  let connections = 0
  let agreed = 0
  if (accepted.length > 0) {
    connections++
    const seen = await proxy.send(checked.asReceived)
    const difference = requestDifference(checked.expected, seen.requests, seen.hung)
    if (difference !== undefined) differences.push(`${proxy.name}, as received: ${difference}`)
    agreed = Math.min(seen.requests.length, accepted.length)
  }
  if (partial !== undefined) {
    connections++
    const seen = await proxy.send(partial, true)
    const difference = partialDifference(accepted, seen.requests, checked.waits)
    if (difference !== undefined)
      differences.push(`${proxy.name}, all of it: ${difference}: ${quote(partial.toString('latin1'))}`)
  }
  const probe = agreed < accepted.length ? chunkedProbe(checked, agreed) : undefined
  if (probe !== undefined) {
    connections++
    const probed = await proxy.send(probe, true)
    const ours = weftServerView(probe).accepted
    if (probed.requests.length > ours.length || requestDifference(ours, probed.requests, false) !== undefined)
      differences.push(`${proxy.name}: takes it for chunked: ${quote(probe.toString('latin1'))}`)
  }
  const sent: AcceptedRequest[] = []
  const bytes: Buffer[] = []
  for (const [i, request] of accepted.entries()) {
    if (ownRule(proxy.name, request) !== undefined) continue
    sent.push(request)
    bytes.push(checked.forwarded[i] as Buffer)
  }
  if (sent.length > 0) {
    connections++
    const again = await proxy.send(Buffer.concat([...bytes, Buffer.from(SENTINEL)]))
    const wanted = [...sent, SENTINEL_REQUEST]
    const other =
      requestDifference(wanted, again.requests, again.hung) ??
      (again.requests.length < wanted.length
        ? `refuses ${quote(String(bytes[again.requests.length]))} with ${again.statuses.at(-1)}`
        : undefined)
    if (other !== undefined) differences.push(`${proxy.name}, sent on: ${other}`)
  }
  const excused = accepted.length - sent.length
  return {
    connections,
    agreed,
    refused: agreed < accepted.length,
    forwarded: sent.length,
    excused,
    differences,
  }
}

/**
 * A proxy that refuses a message may have taken the head and stumbled over a body that it frames otherwise: as
 * chunked, where Weft does not. So the same head is sent with a body that is right for that.
 */
function chunkedProbe({ accepted, asReceived }: CheckedRequests, at: number): Buffer | undefined {
  const text = asReceived.toString('latin1', accepted[at - 1]?.to ?? 0)
  const head = text.slice(0, text.indexOf('\r\n\r\n', 4) + 4)
  if (!/chunk/i.test(head) || isChunked(accepted[at] as AcceptedRequest)) return undefined
  return Buffer.from(`${head}0\r\n\r\n${SENTINEL}`, 'latin1')
}

/** Whether the `..` of a path lead above where it began, at some point. */
function climbs(path: string): boolean {
  let depth = 0
  const steps = path
    .replace(/^[a-z]+:\/\/[^/]*/i, '')
    .replaceAll(/%2e/gi, '.')
    .split(/\/|%2f/i)
  return steps.some((step) => {
    if (step === '..') depth--
    else if (step !== '.' && step !== '') depth++
    return depth < 0
  })
}

/** Why a proxy refuses a request that is good by RFC 9112, or undefined. */
export function ownRule(proxy: ProxyName, { head, method, target }: AcceptedRequest): string | undefined {
  if (method === 'CONNECT') return 'a tunnel has no next request'
  if (proxy === 'nginx') {
    if (method === 'TRACE') return 'nginx answers TRACE with 405'
    if (!/^[A-Z_-]+$/.test(method)) return 'nginx takes methods of A-Z, _ and - only'
    if (/^\.?(:|$)|\.\./.test(head.authority)) return 'nginx wants a host, and no empty label in it'
    if (target === '*') return 'nginx has no OPTIONS *'
    const path = target.split('?')[0] as string
    if (/%00|%(?![0-9a-f]{2})/i.test(path)) return 'nginx decodes the path'
    if (climbs(path)) return 'nginx lets no path climb above its root'
    return undefined
  }
  if (head.fields.some((text, i) => i % 2 === 0 && text.length > 255))
    return 'haproxy takes field names of up to 255 bytes'
  const key = field(head.fields, 'sec-websocket-key') ?? ''
  if (head.upgrade === 'websocket' && !/^[\w+/]{22}==$/.test(key))
    return 'haproxy wants the key of a WebSocket, 16 bytes in base64'
  return undefined
}
