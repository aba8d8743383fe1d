import type { X509Certificate } from 'node:crypto'
import type { Authority } from '../../certs/authority.ts'
import { DAY } from '../../certs/authority.ts'

/** The mesh's CA as people look at it. Times in milliseconds since the epoch. */
export interface CaView {
  readonly trustDomain: string
  readonly roots: readonly RootView[]
  readonly issuing: { readonly subject: string; readonly notBefore: number; readonly notAfter: number }
  /** ConfigMaps with the roots, and how many of them have all that are trusted now. */
  readonly published: { readonly namespaces: number; readonly current: number }
}

export interface RootView {
  /** `next` waits for its promotion, `old` for its retirement. */
  readonly role: 'signing' | 'next' | 'old'
  readonly subject: string
  /** SHA-256, hexadecimal. */
  readonly fingerprint: string
  readonly notBefore: number
  readonly notAfter: number
}

/** `published`: the text of the trust bundle in each namespace that has one. */
export function caView(
  { trustDomain, credentials, bundle }: Authority,
  published: readonly string[],
): CaView {
  const [signing] = bundle.roots
  const since = signing?.validFromDate.getTime() ?? 0
  return {
    trustDomain,
    roots: bundle.roots.map((root) => ({
      role: root === signing ? 'signing' : root.validFromDate.getTime() > since ? 'next' : 'old',
      fingerprint: root.fingerprint256.replaceAll(':', '').toLowerCase(),
      ...lifeOf(root),
    })),
    issuing: lifeOf(credentials.certificate),
    published: {
      namespaces: published.length,
      current: published.filter((pem) => pem === bundle.pem).length,
    },
  }
}

/** Pods have a changed ConfigMap after the kubelet's next look at it, a minute or two; certificates begin in the past. */
const SPREAD_MS = 10 * 60_000

/** Why a step would cut somebody off now, or undefined. */
export function stepProblem(step: 'promote' | 'retire', view: CaView, now: number): string | undefined {
  const next = view.roots.find(({ role }) => role === 'next')
  const { namespaces, current } = view.published
  if (step === 'promote') {
    if (!next) return undefined
    if (current < namespaces)
      return `${namespaces - current} of ${namespaces} namespaces do not have the new root yet`
    const at = next.notBefore + SPREAD_MS
    if (now < at) return `pods may not have the new root before ${new Date(at).toISOString()}`
    return undefined
  }
  if (next) return 'a root waits for its promotion: promote it first'
  // The issuing CA was made when its root was promoted, or renewed since: nobody's certificate is older than a day then.
  const at = view.issuing.notBefore + DAY + SPREAD_MS
  return now < at
    ? `certificates of the old root may be in use until ${new Date(at).toISOString()}`
    : undefined
}

/** Lines for a terminal. */
export function caText(view: CaView): string {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  const lines = view.roots.map(
    ({ role, subject, notBefore, notAfter, fingerprint }) =>
      `${role.padEnd(8)} ${day(notBefore)} to ${day(notAfter)}  ${fingerprint.slice(0, 16)}  ${subject}`,
  )
  const { issuing, published } = view
  lines.push(`issuing  ${day(issuing.notBefore)} to ${day(issuing.notAfter)}  ${issuing.subject}`)
  lines.push(`published in ${published.current} of ${published.namespaces} namespaces`)
  return lines.join('\n')
}

function lifeOf(certificate: X509Certificate): { subject: string; notBefore: number; notAfter: number } {
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  }
}
