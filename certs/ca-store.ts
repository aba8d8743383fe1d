import { X509Certificate, type KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, type Clock } from '../core/clock.ts'
import { WeftError } from '../core/errors.ts'
import { Watched, type Watchable } from '../core/watched.ts'
import { createIssuing, createRoot, type CaCredentials } from './authority.ts'
import { parsePrivateKey, privateKeyPem } from './key.ts'
import { createPrivateFile, readTextFile, replacePrivateFile } from './private-file.ts'
import { isValidAt } from './renewal.ts'
import { parseCertificates, parseTrustBundle, trustBundle, type TrustBundle } from './trust-bundle.ts'

/** What certificates are signed with now, and what workloads should trust. Replaced as a whole. */
export interface Authority {
  readonly trustDomain: string
  readonly credentials: CaCredentials
  readonly bundle: TrustBundle
}

export interface CaStore {
  readonly authority: Watchable<Authority>
  /** Reads the directory again (another process rotated) and renews an issuing CA that is half through. */
  refresh(): void
  /** First step of a rotation: a new root is trusted, and signs nothing yet. */
  prepareRoot(): void
  /** Second step, when every workload has the new bundle: the new root signs, the old one stays trusted. */
  promoteRoot(): void
  /** Last step, when every leaf was renewed: only the signing root is trusted. */
  retireRoots(): void
}

export interface CaStoreOptions {
  readonly directory: string
  readonly trustDomain: string
  readonly clock?: Clock
  /** Milliseconds. */
  readonly rootLifeMs?: number
  readonly issuingLifeMs?: number
}

/**
 * The mesh's CA in a directory: `root.pem` and `issuing.pem` (key and certificate, mode 0600), `next-root.pem`
 * during a rotation, `old-roots.pem` (certificates). Made on first use; processes that race end with one root.
 * Throws WeftError `ca.corrupt` naming the file, or `file.*`; nothing that is damaged is ever replaced silently,
 * because a new root would part the mesh.
 */
export function openCaStore(options: CaStoreOptions): CaStore {
  const { directory, trustDomain, clock = systemClock } = options
  const path = (name: string) => join(directory, `${name}.pem`)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new WeftError('file.write', `cannot make the directory ${directory} for the CA`, { cause })
  }

  const loadRoot = (): CaCredentials => {
    // Asked first: another process that makes both right now makes the root before the issuing CA.
    const hadIssuing = existsSync(path('issuing'))
    const found = readCa(path('root'))
    if (found) return checkRoot(found, path('root'), trustDomain)
    if (hadIssuing) {
      throw corrupt(path('root'), `it is gone, but ${path('issuing')} is there`)
    }
    createPrivateFile(path('root'), caPem(createRoot(trustDomain, clock.now(), options.rootLifeMs)))
    return checkRoot(readCa(path('root')) as CaFile, path('root'), trustDomain)
  }

  const newIssuing = (root: CaCredentials) =>
    caPem(createIssuing(root, trustDomain, clock.now(), options.issuingLifeMs))

  const loadIssuing = (root: CaCredentials): CaCredentials => {
    const file = path('issuing')
    if (!existsSync(file)) createPrivateFile(file, newIssuing(root))
    let found = readCa(file) as CaFile
    const validFrom = found.certificate.validFromDate.getTime()
    const validTo = found.certificate.validToDate.getTime()
    const signed =
      found.certificate.checkIssued(root.certificate) && found.certificate.verify(root.certificate.publicKey)
    if (!signed || clock.now() >= validFrom + (validTo - validFrom) / 2) {
      const rootEnd = root.certificate.validToDate.getTime()
      // One that already lives as long as its root gains nothing from another.
      if (!signed || validTo < rootEnd) {
        replacePrivateFile(file, newIssuing(root))
        found = readCa(file) as CaFile
      }
    }
    return { ...found, chain: [found.certificate] }
  }

  const load = (): Authority => {
    const root = loadRoot()
    const next = readCa(path('next-root'))
    const trusted = [root.certificate]
    if (next) trusted.push(checkRoot(next, path('next-root'), trustDomain).certificate)
    trusted.push(...oldRoots())
    const alive = trusted.filter((one, index) => index === 0 || isValidAt(validity(one), clock.now()))
    return { trustDomain, credentials: loadIssuing(root), bundle: trustBundle(alive, directory) }
  }

  const oldRoots = (): readonly X509Certificate[] => {
    const text = readTextFile(path('old-roots'))
    return text === undefined ? [] : parseTrustBundle(text, path('old-roots')).roots
  }

  const authority = new Watched(load())
  const refresh = () => {
    const fresh = load()
    const now = authority.value
    const same =
      fresh.bundle.pem === now.bundle.pem &&
      fresh.credentials.certificate.fingerprint256 === now.credentials.certificate.fingerprint256
    if (!same) authority.set(fresh)
  }

  return {
    authority,
    refresh,
    prepareRoot() {
      createPrivateFile(path('next-root'), caPem(createRoot(trustDomain, clock.now(), options.rootLifeMs)))
      refresh()
    },
    promoteRoot() {
      const next = readTextFile(path('next-root'))
      if (next === undefined) {
        throw new WeftError('ca.no_next_root', `there is no ${path('next-root')}: prepare a root first`)
      }
      checkRoot(readCa(path('next-root')) as CaFile, path('next-root'), trustDomain)
      const old = trustBundle([loadRoot().certificate, ...oldRoots()], directory)
      // In this order a crash in between leaves a state that only repeats a step.
      replacePrivateFile(path('old-roots'), old.pem, 0o644)
      replacePrivateFile(path('root'), next)
      rmSync(path('next-root'), { force: true })
      refresh()
    },
    retireRoots() {
      rmSync(path('old-roots'), { force: true })
      refresh()
    },
  }
}

interface CaFile {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

function caPem(ca: CaCredentials): string {
  return privateKeyPem(ca.key) + ca.certificate.toString()
}

/** Undefined if the file is not there. */
function readCa(file: string): CaFile | undefined {
  const text = readTextFile(file)
  if (text === undefined) return undefined
  const split = text.indexOf('-----BEGIN CERTIFICATE-----')
  if (split < 0) throw corrupt(file, 'it has no certificate')
  let found: CaFile
  try {
    const [certificate] = parseCertificates(text.slice(split), file)
    found = { certificate: certificate as X509Certificate, key: parsePrivateKey(text.slice(0, split), file) }
  } catch (cause) {
    throw corrupt(file, 'its key or certificate cannot be read', cause)
  }
  if (!found.certificate.checkPrivateKey(found.key))
    throw corrupt(file, 'key and certificate do not belong together')
  if (!found.certificate.ca) throw corrupt(file, 'its certificate is not a CA')
  return found
}

function checkRoot(found: CaFile, file: string, trustDomain: string): CaCredentials {
  if (!found.certificate.verify(found.certificate.publicKey))
    throw corrupt(file, 'its certificate is not self-signed')
  const name = found.certificate.subjectAltName
  if (name !== undefined && name !== `URI:spiffe://${trustDomain}`) {
    throw new WeftError(
      'ca.trust_domain',
      `${file} is the root of ${name}, not of trust domain ${trustDomain}`,
    )
  }
  return { ...found, chain: [] }
}

function validity(certificate: X509Certificate) {
  return { notBefore: certificate.validFromDate.getTime(), notAfter: certificate.validToDate.getTime() }
}

function corrupt(file: string, problem: string, cause?: unknown): WeftError {
  return new WeftError(
    'ca.corrupt',
    `${file} is damaged: ${problem}. Restore it from a backup, or remove the directory to begin a new mesh CA`,
    { cause },
  )
}
