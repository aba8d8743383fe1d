import { BUNDLE_KEY } from '../../../core/contract.ts'
import type { Authority } from '../../../certs/authority.ts'
import { sameAuthority } from '../../../certs/authority.ts'
import {
  settleCa,
  withNextRoot,
  withoutOldRoots,
  withPromotedRoot,
  type CaEntries,
  type CaEntry,
  type CaRules,
} from '../../../certs/ca-state.ts'
import { readIssuer } from '../../../certs/issuer.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import { Watched, type Watchable } from '../../../core/watched.ts'
import type { KubernetesConnection } from '../connection.ts'
import { findObject } from '../find-object.ts'
import { SecretResource, textOf, type Secret } from '../secret.ts'

export interface CaSecretOptions {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly namespace: string
  /** Of the Secret, and of the ConfigMap that publishes its roots. */
  readonly name: string
  readonly trustDomain: string
  /** Other names of it, whose roots go on to sign. */
  readonly aliases?: readonly string[] | undefined
  /** Names that a given issuer must allow. */
  readonly dnsNames: readonly string[]
  /** The Secret is somebody else's to make: it is waited for, and never written. */
  readonly given?: boolean
  /** None is made: `ca.missing` where there is none. */
  readonly existing?: boolean
  readonly log: Logger
  readonly clock?: Clock
  /** Milliseconds. */
  readonly rootLifeMs?: number
  readonly issuingLifeMs?: number
}

/** Like CaStore, over the network. The methods throw WeftError and change nothing then. */
export interface CaSecret {
  readonly authority: Watchable<Authority>
  refresh(): Promise<void>
  prepareRoot(): Promise<void>
  promoteRoot(): Promise<void>
  retireRoots(): Promise<void>
}

const ENTRIES: readonly CaEntry[] = ['root', 'issuing', 'next-root', 'old-roots']
// Each round lost means that somebody else's write was taken.
const MOST_ROUNDS = 20

/**
 * The mesh's CA in a Secret, with the entries of the directory (`root.pem`, `issuing.pem`, `next-root.pem`,
 * `old-roots.pem`), made on first use; or a CA that somebody else keeps there (`tls.crt`, `tls.key`, `ca.crt`).
 * Replicas that race end with one root: each write holds only if nobody wrote since it was read.
 * Throws WeftError `ca.*`, `issuer.*`, `kubernetes.*`; `ca.missing` for a given CA that is not there yet.
 */
export async function openCaSecret(options: CaSecretOptions): Promise<CaSecret> {
  const {
    connection,
    namespace,
    name,
    trustDomain,
    dnsNames,
    given = false,
    log,
    clock = systemClock,
  } = options
  const resource = new SecretResource(connection, namespace, name)
  /** What was in force last, in case the Secret goes. */
  let kept: CaEntries | undefined

  const rules = (): CaRules => ({
    trustDomain,
    aliases: options.aliases,
    now: clock.now(),
    rootLifeMs: options.rootLifeMs,
    issuingLifeMs: options.issuingLifeMs,
    name: (entry) => `${resource.title}: ${entry}.pem`,
    remedy: 'Restore the Secret from a backup (docs/operations.md says how to begin a new mesh CA)',
  })

  const read = async (step?: Step): Promise<Authority> => {
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const secret = await resource.get()
      const found = entriesOf(secret, resource.title)
      if (given || isIssuer(secret)) return fromIssuer(secret, found, step)
      const empty = Object.keys(found).length === 0
      if (empty && options.existing) {
        throw new WeftError(
          'ca.missing',
          `${resource.title} holds no CA: the control plane makes it when it starts`,
        )
      }
      if (empty && !kept) await requireFirstUse()
      if (empty && kept)
        log.error('the Secret of the CA was gone: it is written again', { secret: resource.title })
      const before = empty ? (kept ?? found) : found
      const settled = settleCa(before, rules())
      const after = step ? settleCa(step(settled.entries, rules()), rules()) : settled
      const written = after.entries === found || (await resource.put(secret, dataOf(after.entries)))
      if (!written) continue
      kept = after.entries
      return after.authority
    }
    throw new WeftError('ca.busy', `${resource.title} was changed by others ${MOST_ROUNDS} times in a row`)
  }

  const fromIssuer = (secret: Secret | undefined, own: CaEntries, step: Step | undefined): Authority => {
    const [entry] = Object.keys(own)
    if (entry !== undefined) {
      const message = `${resource.title} holds two CAs: one of its own (${entry}.pem) and a given one (tls.crt). Remove one`
      throw new WeftError('ca.corrupt', message)
    }
    if (step) {
      throw new WeftError('ca.given', `${resource.title} is kept by somebody else: rotate it there`)
    }
    const text = (key: string) => textOf(secret, key, resource.title)
    const certificate = text('tls.crt')
    const key = text('tls.key')
    if (certificate === undefined || key === undefined) {
      const lacking = secret ? 'has no tls.crt and tls.key yet' : 'is not there yet'
      throw new WeftError('ca.missing', `${resource.title} ${lacking}: its issuer must make it`)
    }
    const files = { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': text('ca.crt') }
    return readIssuer(files, {
      trustDomain,
      aliases: options.aliases,
      dnsNames,
      now: clock.now(),
      source: resource.title,
    })
  }

  /** A root that workloads trust already is never replaced by a new one because its Secret went. */
  const requireFirstUse = async (): Promise<void> => {
    const published = await findObject(connection, `/api/v1/namespaces/${namespace}/configmaps`, name)
    const data = published?.['data'] as Readonly<Record<string, string>> | undefined
    if (!data?.[BUNDLE_KEY]) return
    // Another replica may have made both since.
    const again = entriesOf(await resource.get(), resource.title)
    if (Object.keys(again).length > 0) return
    const message = `${resource.title} is gone or empty, but ConfigMap ${namespace}/${name} publishes a root of this mesh. Restore the Secret from a backup, or delete the ConfigMap to begin a new mesh CA`
    throw new WeftError('ca.corrupt', message)
  }

  const authority = new Watched(await read())
  let turn: Promise<unknown> = Promise.resolve()
  const run = (step?: Step): Promise<void> => {
    const own = turn.then(async () => {
      const fresh = await read(step)
      if (!sameAuthority(fresh, authority.value)) authority.set(fresh)
    })
    turn = own.catch(() => {})
    return own
  }
  return {
    authority,
    refresh: () => run(),
    prepareRoot: () => run(withNextRoot),
    promoteRoot: () => run(withPromotedRoot),
    retireRoots: () => run(withoutOldRoots),
  }
}

type Step = (entries: CaEntries, rules: CaRules) => CaEntries

function isIssuer(secret: Secret | undefined): boolean {
  return secret?.data?.['tls.crt'] !== undefined || secret?.data?.['tls.key'] !== undefined
}

function entriesOf(secret: Secret | undefined, title: string): CaEntries {
  const found: { -readonly [E in CaEntry]?: string } = {}
  for (const entry of ENTRIES) {
    const text = textOf(secret, `${entry}.pem`, title)
    if (text !== undefined) found[entry] = text
  }
  return found
}

function dataOf(entries: CaEntries): Record<string, string | undefined> {
  return Object.fromEntries(ENTRIES.map((entry) => [`${entry}.pem`, entries[entry]]))
}
