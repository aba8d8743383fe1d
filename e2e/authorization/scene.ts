import type { WrittenObject } from './written.ts'

/** Policies, and what becomes of requests and connections by them. */
export interface Scene {
  readonly name: string
  readonly objects: readonly WrittenObject[]
  readonly asked: readonly Ask[]
}

/**
 * Who calls, what, and what becomes of it. The caller is `namespace/account` of the mesh's own trust domain, a whole SPIFFE
 * ID, or '' for plaintext. The answer: `allow` or `deny`, and behind it the rule that decided, if one did; `, dry run: ` and
 * the answer that there would be if dry runs were in force, where that is the other one; `, audit: ` and the rules that noted it.
 */
export type Ask = readonly [caller: string, asked: Asked, answer: string]

export interface Asked {
  /** A pod of world.ts and its port; `pay:8080` where nothing is said. */
  readonly to?: string
  /** Of the caller; one that no policy names where nothing is said. */
  readonly address?: string
  readonly method?: string
  readonly host?: string
  readonly path?: string
  /** Lines `name: value`, characters up to 255 as bytes. */
  readonly headers?: readonly string[]
  /** Of a token that was verified. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The name that TLS asks for, on a port that passes it on. */
  readonly sni?: string
  /** To a port that nobody declared: bytes that are no HTTP. */
  readonly bytes?: boolean
}

/** With everything said. */
export interface Call {
  readonly identity: string
  readonly address: string
  readonly pod: string
  readonly port: number
  readonly method: string
  readonly host: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly claims: Readonly<Record<string, unknown>> | undefined
  readonly sni: string
  readonly bytes: boolean
}

const BYTES_PORTS = new Set([5432, 8443])

export function callOf(caller: string, asked: Asked): Call {
  const [pod = '', port] = (asked.to ?? 'pay:8080').split(':')
  const [namespace = '', account] = caller.split('/')
  return {
    identity:
      caller === '' || caller.startsWith('spiffe://')
        ? caller
        : `spiffe://cluster.local/ns/${namespace}/sa/${account}`,
    address: asked.address ?? '10.2.0.7',
    pod,
    port: Number(port),
    method: asked.method ?? 'GET',
    host: asked.host ?? 'pay.payments',
    path: asked.path ?? '/',
    headers: (asked.headers ?? []).map((line) => {
      const at = line.indexOf(': ')
      return [line.slice(0, at), line.slice(at + 2)] as const
    }),
    claims: asked.claims,
    sni: asked.sni ?? '',
    bytes: asked.bytes === true || BYTES_PORTS.has(Number(port)),
  }
}
