import type { KeyObject, X509Certificate } from 'node:crypto'
import { WeftError } from '../core/errors.ts'
import { createIssuing, createRoot, type Authority, type CaCredentials } from './authority.ts'
import { parsePrivateKey, privateKeyPem } from './key.ts'
import { isValidAt } from './renewal.ts'
import { parseCertificates, parseTrustBundle, trustBundle } from './trust-bundle.ts'

/** What a CA keeps, as PEM: `root` and `issuing` with their keys, `next-root` during a rotation, `old-roots` without. */
export type CaEntry = 'root' | 'issuing' | 'next-root' | 'old-roots'
export type CaEntries = { readonly [E in CaEntry]?: string }

export interface CaRules {
  readonly trustDomain: string
  /** Other names of it: a root of one of them goes on to sign. */
  readonly aliases?: readonly string[] | undefined
  /** Milliseconds. */
  readonly now: number
  readonly rootLifeMs?: number | undefined
  readonly issuingLifeMs?: number | undefined
  /** How a message names an entry, e.g. by the path of its file. */
  readonly name: (entry: CaEntry) => string
  /** What to do about damage, e.g. `restore it from a backup`. */
  readonly remedy: string
}

/**
 * What a CA should hold now, and what follows from it: a root is made only where there is nothing at all, an issuing
 * CA where there is none, where another root signed it, or at half of its life. The same entries if nothing is to do.
 * Throws WeftError `ca.*`, `bundle.*` for what is damaged.
 */
export function settleCa(entries: CaEntries, rules: CaRules): { entries: CaEntries; authority: Authority } {
  const { trustDomain, now, name } = rules
  const root = rootOf(entries, rules)
  const issuing = issuingOf(entries, root, rules)
  const trusted = [root.certificate]
  if (entries['next-root'] !== undefined)
    trusted.push(parseRoot(entries['next-root'], 'next-root', rules).certificate)
  trusted.push(...oldRoots(entries, rules))
  const alive = trusted.filter((one, index) => index === 0 || isValidAt(validity(one), now))
  const settled =
    entries.root !== undefined && issuing.kept
      ? entries
      : { ...entries, root: entries.root ?? caPem(root), issuing: caPem(issuing.credentials) }
  return {
    entries: settled,
    authority: { trustDomain, credentials: issuing.credentials, bundle: trustBundle(alive, name('root')) },
  }
}

/** First step of a rotation; nothing changes where a root waits already. */
export function withNextRoot(entries: CaEntries, rules: CaRules): CaEntries {
  if (entries['next-root'] !== undefined) return entries
  return { ...entries, 'next-root': caPem(createRoot(rules.trustDomain, rules.now, rules.rootLifeMs)) }
}

/** Second step: the next root signs, the one before stays trusted. Throws WeftError `ca.no_next_root`. */
export function withPromotedRoot(entries: CaEntries, rules: CaRules): CaEntries {
  const { 'next-root': next, ...rest } = entries
  if (next === undefined) {
    throw new WeftError('ca.no_next_root', `there is no ${rules.name('next-root')}: prepare a root first`)
  }
  parseRoot(next, 'next-root', rules)
  const root = rootOf(entries, rules).certificate
  const old = trustBundle([root, ...oldRoots(entries, rules)], rules.name('old-roots'))
  return { ...rest, root: next, 'old-roots': old.pem }
}

/** Last step: only the signing root is trusted. */
export function withoutOldRoots(entries: CaEntries): CaEntries {
  const { 'old-roots': old, ...rest } = entries
  return old === undefined ? entries : rest
}

function rootOf(entries: CaEntries, rules: CaRules): CaCredentials {
  if (entries.root !== undefined) return parseRoot(entries.root, 'root', rules)
  const left = (['issuing', 'next-root', 'old-roots'] as const).find((entry) => entries[entry] !== undefined)
  if (left !== undefined) {
    throw corrupt('root', `it is gone, but ${rules.name(left)} is there`, rules)
  }
  return createRoot(rules.trustDomain, rules.now, rules.rootLifeMs)
}

function issuingOf(
  entries: CaEntries,
  root: CaCredentials,
  rules: CaRules,
): { kept: boolean; credentials: CaCredentials } {
  const { now, trustDomain, issuingLifeMs } = rules
  if (entries.issuing !== undefined) {
    const found = parseCa(entries.issuing, 'issuing', rules)
    const { notBefore, notAfter } = validity(found.certificate)
    const signed =
      found.certificate.checkIssued(root.certificate) && found.certificate.verify(root.certificate.publicKey)
    const half = now >= notBefore + (notAfter - notBefore) / 2
    // One that already lives as long as its root gains nothing from another.
    const longer = notAfter < validity(root.certificate).notAfter
    if (signed && !(half && longer)) {
      return { kept: true, credentials: { ...found, chain: [found.certificate] } }
    }
  }
  return { kept: false, credentials: createIssuing(root, trustDomain, now, issuingLifeMs) }
}

function oldRoots(entries: CaEntries, rules: CaRules): readonly X509Certificate[] {
  const text = entries['old-roots']
  return text === undefined ? [] : parseTrustBundle(text, rules.name('old-roots')).roots
}

interface ParsedCa {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

function caPem(ca: CaCredentials): string {
  return privateKeyPem(ca.key) + ca.certificate.toString()
}

function parseCa(text: string, entry: CaEntry, rules: CaRules): ParsedCa {
  const source = rules.name(entry)
  const split = text.indexOf('-----BEGIN CERTIFICATE-----')
  if (split < 0) throw corrupt(entry, 'it has no certificate', rules)
  let found: ParsedCa
  try {
    const [certificate] = parseCertificates(text.slice(split), source)
    found = {
      certificate: certificate as X509Certificate,
      key: parsePrivateKey(text.slice(0, split), source),
    }
  } catch (cause) {
    throw corrupt(entry, 'its key or certificate cannot be read', rules, cause)
  }
  if (!found.certificate.checkPrivateKey(found.key))
    throw corrupt(entry, 'key and certificate do not belong together', rules)
  if (!found.certificate.ca) throw corrupt(entry, 'its certificate is not a CA', rules)
  return found
}

function parseRoot(text: string, entry: CaEntry, rules: CaRules): CaCredentials {
  const found = parseCa(text, entry, rules)
  if (!found.certificate.verify(found.certificate.publicKey))
    throw corrupt(entry, 'its certificate is not self-signed', rules)
  const name = found.certificate.subjectAltName
  const own = [rules.trustDomain, ...(rules.aliases ?? [])].map((domain) => `URI:spiffe://${domain}`)
  if (name !== undefined && !own.includes(name)) {
    throw new WeftError(
      'ca.trust_domain',
      `${rules.name(entry)} is the root of ${name}, not of trust domain ${rules.trustDomain}`,
    )
  }
  return { ...found, chain: [] }
}

function validity(certificate: X509Certificate) {
  return { notBefore: certificate.validFromDate.getTime(), notAfter: certificate.validToDate.getTime() }
}

function corrupt(entry: CaEntry, problem: string, rules: CaRules, cause?: unknown): WeftError {
  const message = `${rules.name(entry)} is damaged: ${problem}. ${rules.remedy}`
  return new WeftError('ca.corrupt', message, { cause })
}
