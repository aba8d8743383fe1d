import { checkTrustDomain } from '../../certs/spiffe-id.ts'
import { WeftError } from '../../core/errors.ts'
import { isLoopback } from '../../core/flags.ts'
import { TRUST_LIMITS } from '../../core/mesh-trust.ts'

/** Where the roots of another trust domain are had from. */
export interface BundleSource {
  readonly trustDomain: string
  readonly from:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'url'; readonly url: string }
}

/**
 * Of `DOMAIN=FILE` or `DOMAIN=https://...`, each for another domain than those in `own`. Throws WeftError `cli.flags` with
 * `field`.
 */
export function readBundleSources(
  texts: readonly string[],
  own: readonly string[],
  field: string,
): readonly BundleSource[] {
  const fail = (message: string): never => {
    throw new WeftError('cli.flags', message, { field })
  }
  if (texts.length > TRUST_LIMITS.federated) fail(`may be given ${TRUST_LIMITS.federated} times at most`)
  const seen = new Set(own)
  return texts.map((text) => {
    const at = text.indexOf('=')
    if (at < 1 || at === text.length - 1) fail(`must be DOMAIN=FILE or DOMAIN=https://..., not "${text}"`)
    const trustDomain = checkTrustDomain(text.slice(0, at), field)
    const place = text.slice(at + 1)
    if (own.includes(trustDomain)) fail(`${trustDomain} is this mesh's own trust domain`)
    if (seen.has(trustDomain)) fail(`names ${trustDomain} twice`)
    seen.add(trustDomain)
    if (!/^[a-z]+:\/\//i.test(place)) return { trustDomain, from: { kind: 'file', path: place } }
    const url = URL.parse(place) ?? fail(`"${place}" is no URL`)
    const plain = url.protocol === 'http:' && isLoopback(url.hostname)
    if (url.protocol !== 'https:' && !plain)
      fail(`${place} must begin with https://: roots that anybody can change prove nothing`)
    return { trustDomain, from: { kind: 'url', url: url.href } }
  })
}
