import { lookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { getCACertificates } from 'node:tls'
import { Agent } from 'undici'
import { describeError, WeftError } from '../../core/errors.ts'
import { limitedText } from '../../core/limited-body.ts'
import { LONGEST_SET } from '../model/key-set.ts'
import type { AddressRule } from './allowed-address.ts'

/** An answer that was good. */
export interface FetchedJson {
  readonly text: string
  /** Of Cache-Control; undefined: it says none. Milliseconds. */
  readonly maxAgeMs: number | undefined
}

/** GET of a URL in a policy. Throws WeftError whose text tells what is wrong and never what was answered. */
export type FetchJson = (url: string, timeoutMs: number) => Promise<FetchedJson>

export interface JsonFetcher {
  readonly fetch: FetchJson
  close(): Promise<void>
}

export interface FetchOptions {
  readonly allowed: AddressRule
  /** Also `http:`, by which anybody on the way can put in keys of their own. */
  readonly http: boolean
  /** PEM: trusted beside those that the system trusts. */
  readonly ca?: string | undefined
}

const MOST_REDIRECTS = 3
const CONNECTIONS = 8

export function jsonFetcher({ allowed, http, ca }: FetchOptions): JsonFetcher {
  const agent = new Agent({
    connections: CONNECTIONS,
    allowH2: false,
    // Each fetch is minutes from the next one.
    keepAliveTimeout: 1000,
    connect: {
      lookup: allowedLookup(allowed),
      ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
    },
  })
  const once = async (url: URL, signal: AbortSignal): Promise<FetchedJson | URL> => {
    checkUrl(url, allowed, http)
    const { statusCode, headers, body } = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { accept: 'application/json', 'user-agent': 'weft' },
      signal,
    })
    if (statusCode === 200) {
      const text = await limitedText({ body: body as unknown as Response['body'] }, LONGEST_SET)
      return { text, maxAgeMs: maxAge(headers['cache-control']) }
    }
    body.on('error', () => {}).destroy()
    const { location } = headers
    if ([301, 302, 303, 307, 308].includes(statusCode) && typeof location === 'string') {
      if (!URL.canParse(location, url)) throw failure('it leads on to what is no URL')
      return new URL(location, url)
    }
    throw failure(`the answer is ${statusCode}`)
  }
  return {
    async fetch(text, timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs)
      let url = new URL(text)
      try {
        for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
          const answer = await once(url, signal)
          if (!(answer instanceof URL)) return answer
          url = answer
        }
      } catch (error) {
        if (signal.aborted) throw failure(`no answer within ${timeoutMs / 1000} s`)
        throw error instanceof WeftError ? error : failure(reasonOf(error))
      }
      throw failure(`it leads on more than ${MOST_REDIRECTS} times`)
    },
    close: () => agent.destroy(),
  }
}

function checkUrl({ protocol, hostname }: URL, allowed: AddressRule, http: boolean): void {
  if (protocol !== 'https:' && !(http && protocol === 'http:'))
    throw failure(`${protocol}// is not allowed: keys are taken by https: alone, unless --jwks-http is given`)
  // What is an address by itself is looked up by nobody.
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0 && !allowed(address)) throw forbiddenAddress(address)
}

/** Looked up and connected to in one: a name that is asked again could stand for another address. */
function allowedLookup(allowed: AddressRule): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, '')
      const wrong = addresses.find(({ address }) => !allowed(address))
      // One forbidden address among others is no mistake of an honest name.
      if (wrong) return callback(forbiddenAddress(wrong.address), '')
      if (options.all) return callback(null, addresses)
      const [first] = addresses
      callback(null, first?.address ?? '', first?.family)
    })
  }
}

function forbiddenAddress(address: string): WeftError {
  return failure(`${address} is an address that keys are not fetched from, unless --jwks-allow names it`)
}

function failure(message: string): WeftError {
  return new WeftError('jwks.fetch', message)
}

/** Of undici, whose own text may be empty. */
function reasonOf(error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const text = describeError(cause)
  return text === '' ? code : text
}

/** RFC 9111 section 5.2.2: the least that it says, in milliseconds; no-store and no-cache are 0. */
function maxAge(header: string | string[] | undefined): number | undefined {
  const text = [header ?? ''].flat().join(',').toLowerCase()
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/.test(text)) return 0
  const seconds = /(?:^|[\s,])max-age="?(\d{1,9})/.exec(text)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}
