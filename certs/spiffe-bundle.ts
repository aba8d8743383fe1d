import { X509Certificate } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { trustBundle, type TrustBundle } from './trust-bundle.ts'

/**
 * A trust domain's roots as SPIFFE's "Trust Domain and Bundle" says them (section 4): a JWK Set whose keys of use
 * `x509-svid` bear one CA certificate each, in `x5c`.
 */
export interface SpiffeBundle {
  readonly bundle: TrustBundle
  /** Grows with each change; undefined: it is not said. */
  readonly sequence: number | undefined
  /** How often it wants to be looked at; undefined: it is not said. Milliseconds. */
  readonly refreshMs: number | undefined
}

/** Keys of other uses (JWT-SVID) are left out. Throws WeftError `bundle.*`, naming `source` and which key is wrong. */
export function parseSpiffeBundle(text: string, source: string): SpiffeBundle {
  const fail = (what: string): never => {
    throw new WeftError('bundle.malformed', `${source} is no SPIFFE bundle: ${what}`)
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    fail('it is not JSON')
  }
  const set = (isMap(document) ? document : {}) as Readonly<Record<string, unknown>>
  const keys = Array.isArray(set['keys'])
    ? (set['keys'] as readonly unknown[])
    : fail('it has no list "keys"')
  const roots = keys.flatMap((key, index) => {
    if (!isMap(key)) return fail(`keys[${index}] is no object`)
    if (key['use'] !== 'x509-svid') return []
    const chain: unknown = key['x5c']
    // Section 4.2.2: exactly one, the CA's own.
    if (!Array.isArray(chain) || chain.length !== 1 || typeof chain[0] !== 'string')
      return fail(`keys[${index}].x5c must hold one certificate`)
    try {
      return [new X509Certificate(Buffer.from(chain[0], 'base64'))]
    } catch {
      return fail(`keys[${index}].x5c[0] cannot be read as an X.509 certificate`)
    }
  })
  const refresh = numberOf(set, 'spiffe_refresh_hint')
  return {
    bundle: trustBundle(roots, source),
    sequence: numberOf(set, 'spiffe_sequence'),
    refreshMs: refresh === undefined ? undefined : refresh * 1000,
  }
}

/**
 * The same the other way round; `refreshMs` says how often to look. Without the optional sequence: replicas that share no
 * counter could not agree on one.
 */
export function formatSpiffeBundle(bundle: TrustBundle, refreshMs: number): object {
  return {
    keys: bundle.roots.map((root) => ({
      use: 'x509-svid',
      ...root.publicKey.export({ format: 'jwk' }),
      x5c: [root.raw.toString('base64')],
    })),
    spiffe_refresh_hint: Math.round(refreshMs / 1000),
  }
}

function numberOf(set: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = set[name]
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
