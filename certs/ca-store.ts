import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, type Clock } from '../core/clock.ts'
import { WeftError } from '../core/errors.ts'
import { Watched, type Watchable } from '../core/watched.ts'
import { sameAuthority, type Authority } from './authority.ts'
import {
  settleCa,
  withNextRoot,
  withoutOldRoots,
  withPromotedRoot,
  type CaEntries,
  type CaEntry,
  type CaRules,
} from './ca-state.ts'
import { createPrivateFile, readTextFile, replacePrivateFile } from './private-file.ts'

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
  /** Other names of it, whose roots go on to sign. */
  readonly aliases?: readonly string[] | undefined
  readonly clock?: Clock
  /** Milliseconds. */
  readonly rootLifeMs?: number
  readonly issuingLifeMs?: number
}

// Of another process that makes both right now, whoever sees the issuing CA sees the root as well.
const READ_ORDER: readonly CaEntry[] = ['issuing', 'root', 'next-root', 'old-roots']
// A crash in between leaves a state that only repeats a step of a rotation.
const WRITE_ORDER: readonly CaEntry[] = ['old-roots', 'root', 'issuing', 'next-root']

// Two settle it; a life of less than a second would never.
const MOST_ROUNDS = 10

/**
 * The mesh's CA in a directory: `root.pem` and `issuing.pem` (key and certificate, mode 0600), `next-root.pem`
 * during a rotation, `old-roots.pem` (certificates). Made on first use; processes that race end with one root.
 * Throws WeftError `ca.corrupt` naming the file, or `file.*`; nothing that is damaged is ever replaced silently,
 * because a new root would part the mesh.
 */
export function openCaStore(options: CaStoreOptions): CaStore {
  const { directory, trustDomain, aliases, clock = systemClock, rootLifeMs, issuingLifeMs } = options
  const path = (entry: CaEntry) => join(directory, `${entry}.pem`)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new WeftError('file.write', `cannot make the directory ${directory} for the CA`, { cause })
  }
  const rules = (): CaRules => ({
    trustDomain,
    aliases,
    now: clock.now(),
    rootLifeMs,
    issuingLifeMs,
    name: path,
    remedy: 'Restore it from a backup, or remove the directory to begin a new mesh CA',
  })

  const read = (): CaEntries => {
    const entries: { -readonly [E in CaEntry]?: string } = {}
    for (const entry of READ_ORDER) {
      const text = readTextFile(path(entry))
      if (text !== undefined) entries[entry] = text
    }
    return entries
  }
  /**
   * What is not there yet is never put over what another process made meanwhile, and nothing follows it: an issuing
   * CA of a root that lost the race would have to be replaced, by each process with its own.
   */
  const write = (before: CaEntries, after: CaEntries): void => {
    for (const entry of WRITE_ORDER) {
      const text = after[entry]
      if (text === before[entry]) continue
      if (text === undefined) rmSync(path(entry), { force: true })
      else if (before[entry] === undefined && entry !== 'old-roots') {
        if (!createPrivateFile(path(entry), text)) return
      } else replacePrivateFile(path(entry), text, entry === 'old-roots' ? 0o644 : 0o600)
    }
  }
  const load = (): Authority => {
    for (let round = 1; ; round++) {
      const found = read()
      const { entries, authority } = settleCa(found, rules())
      if (entries === found || round === MOST_ROUNDS) return authority
      // Read again: what another process made in the meantime counts.
      write(found, entries)
    }
  }
  const change = (step: (entries: CaEntries, rules: CaRules) => CaEntries): void => {
    load()
    const found = read()
    write(found, step(found, rules()))
    refresh()
  }

  const authority = new Watched(load())
  const refresh = () => {
    const fresh = load()
    if (!sameAuthority(fresh, authority.value)) authority.set(fresh)
  }
  return {
    authority,
    refresh,
    prepareRoot: () => change(withNextRoot),
    promoteRoot: () => change(withPromotedRoot),
    retireRoots: () => change(withoutOldRoots),
  }
}
