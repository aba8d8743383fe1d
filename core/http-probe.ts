import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { connectBeginning } from './begun-connection.ts'

/** An HTTP probe as a container's manifest has it (core/v1 HTTPGetAction), its port resolved. */
export interface HttpProbe {
  readonly path: string
  readonly port: number
  readonly scheme: 'HTTP' | 'HTTPS'
  readonly httpHeaders: readonly { readonly name: string; readonly value: string }[]
}

export interface HttpProbeOptions {
  /** For the whole of it: connections, redirects and bodies. */
  readonly timeoutMs: number
  /** Where the manifest names none, e.g. `kube-probe/1.34`. */
  readonly userAgent: string
  /** What connections to a port begin with, before TLS: by the PROXY protocol who connects. Undefined: nothing. */
  readonly header?: (port: number) => Buffer | undefined
}

// The kubelet reads no more of a body, and follows no more redirects (Go's net/http).
const MAX_BODY_BYTES = 10 * 1024
const MAX_REDIRECTS = 10

/**
 * Asks as the kubelet does (Kubernetes pkg/probe/http): a path without its slash gets one, User-Agent and Accept are the
 * kubelet's unless the manifest has its own, redirects are followed on the same host, also to another port or scheme,
 * and the certificate of HTTPS is not checked. Resolves to the last status, of which 200 to 399 is success. Rejects with
 * the reason in a few words.
 */
export async function httpProbe(probe: HttpProbe, host: string, options: HttpProbeOptions): Promise<number> {
  const headers = probeHeaders(probe.httpHeaders, options.userAgent)
  const ownReferer = headers.has('referer')
  const deadline = AbortSignal.timeout(options.timeoutMs)
  const late = new Error(`no answer within ${options.timeoutMs} ms`)
  const name = host.includes(':') ? `[${host}]` : host
  let url = new URL(`${probe.scheme.toLowerCase()}://${name}:${probe.port}`)
  let target = requestTarget(probe.path)
  let hostHeader = hostOf(headers)
  for (let redirects = 0; ; redirects++) {
    const { status, location } = await ask(url, target, headers, hostHeader, options.header, deadline, late)
    if (!isRedirect(status) || location === undefined || location === '') return status
    const asked = new URL(url.origin + target)
    const next = URL.parse(location, asked)
    if (!next) throw new Error("the redirect's Location can't be read")
    if (next.hostname !== url.hostname || !/^https?:$/.test(next.protocol)) return status
    if (redirects + 1 >= MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`)
    // A Host of the manifest goes with a relative Location only.
    if (URL.canParse(location)) hostHeader = undefined
    if (!ownReferer && !(url.protocol === 'https:' && next.protocol === 'http:'))
      headers.set('referer', { name: 'Referer', values: [asked.href] })
    url = next
    target = `${next.pathname}${next.search}`
  }
}

interface Header {
  readonly name: string
  readonly values: readonly string[]
}

/** By lower-case name; what is said twice is sent twice. An empty User-Agent or Accept: none is sent. */
function probeHeaders(given: HttpProbe['httpHeaders'], userAgent: string): Map<string, Header> {
  const headers = new Map<string, Header>()
  for (const { name, value } of given) {
    const key = name.toLowerCase()
    headers.set(key, { name, values: [...(headers.get(key)?.values ?? []), value] })
  }
  if (!headers.has('user-agent')) headers.set('user-agent', { name: 'User-Agent', values: [userAgent] })
  if (!headers.has('accept')) headers.set('accept', { name: 'Accept', values: ['*/*'] })
  for (const key of ['user-agent', 'accept']) if (headers.get(key)?.values[0] === '') headers.delete(key)
  return headers
}

/** A Host of the manifest's stands for the address; it is no header beside it. */
function hostOf(headers: Map<string, Header>): string | undefined {
  const host = headers.get('host')?.values[0]
  headers.delete('host')
  return host === '' ? undefined : host
}

/** The path as the kubelet writes it: from the root, without fragment, escaped where HTTP wants it. */
export function requestTarget(path: string): string {
  const [whole = ''] = path.split('#', 1)
  // An absolute URL's or a network path's own host counts for nothing.
  const [, local = whole] = /^(?:https?:)?\/\/[^/?]*(.*)$/i.exec(whole) ?? []
  const question = local.indexOf('?')
  const before = question < 0 ? local : local.slice(0, question)
  const query = question < 0 ? '' : local.slice(question)
  // A "%" that escapes nothing makes all of it a path to Go's net/url.
  if (/%(?![0-9a-f]{2})/i.test(before))
    return rooted(escape(path.replaceAll('%', '%25').replaceAll('?', '%3F')))
  return rooted(escape(before)) + query.replaceAll(/[^!-~]+/gu, encodeURIComponent)
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

function escape(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]+/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

function ask(
  url: URL,
  path: string,
  headers: ReadonlyMap<string, Header>,
  hostHeader: string | undefined,
  headerOf: HttpProbeOptions['header'],
  signal: AbortSignal,
  late: Error,
): Promise<{ status: number; location: string | undefined }> {
  const secure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (secure ? 443 : 80)
  const header = headerOf?.(port)
  // Not the manifest's Host, which Node would take.
  const tls = { rejectUnauthorized: false, servername: '' }
  const options: RequestOptions & typeof tls = {
    host,
    port,
    path,
    headers: [
      'Host',
      hostHeader ?? url.host,
      ...[...headers.values()].flatMap(({ name, values }) => values.flatMap((value) => [name, value])),
      'Connection',
      'close',
    ],
    signal,
    ...tls,
    ...(header
      ? {
          createConnection: () => {
            const socket = connectBeginning(header, host, port)
            return secure ? connectTls({ socket, ...tls }) : socket
          },
        }
      : { agent: false }),
  }
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(signal.aborted ? late : error)
    const outgoing = (secure ? requestHttps : requestHttp)(options, (response: IncomingMessage) => {
      let bytes = 0
      const done = (): void => {
        resolve({ status: response.statusCode ?? 0, location: response.headers.location })
        outgoing.destroy()
      }
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MAX_BODY_BYTES) done()
      })
      response.on('end', done)
      response.on('error', failed)
    })
    outgoing.on('error', failed)
    outgoing.end()
  })
}
