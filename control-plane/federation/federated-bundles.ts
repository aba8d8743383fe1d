import { readTextFile } from '../../certs/private-file.ts'
import { parseSpiffeBundle, type SpiffeBundle } from '../../certs/spiffe-bundle.ts'
import { parseTrustBundle } from '../../certs/trust-bundle.ts'
import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { limitedText } from '../../core/limited-body.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import type { BundleSource } from './sources.ts'

export interface FederatedBundlesOptions {
  readonly sources: readonly BundleSource[]
  readonly log: Logger
  readonly clock?: Clock
  readonly random?: () => number
  /** Replaces fetch. */
  readonly get?: (url: string) => Promise<string>
}

export interface FederatedBundles {
  /**
   * Roots by trust domain, as PEM. '' for a domain whose roots this process has not had yet: sidecars keep what another
   * process told them.
   */
  readonly bundles: Watchable<Readonly<Record<string, string>>>
  close(): void
}

const FILE_LOOK_MS = 5000
const LEAST_REFRESH_MS = 30_000
// "SPIFFE Trust Domain and Bundle", section 4.1.3, leaves the rate to the consumer where nothing is said.
const REFRESH_MS = 300_000
const MOST_REFRESH_MS = 86_400_000
const TIMEOUT_MS = 10_000
const LARGEST_BUNDLE = 256 * 1024

/** Bundles of other trust domains, kept current; the last good one of each stays, whatever its source says later. */
export function federatedBundles(options: FederatedBundlesOptions): FederatedBundles {
  const { sources, log, clock = systemClock, random = Math.random, get = fetchText } = options
  const bundles = new Watched<Readonly<Record<string, string>>>(
    Object.fromEntries(sources.map(({ trustDomain }) => [trustDomain, ''])),
  )
  const closing: (() => void)[] = []
  let closed = false

  const follow = ({ trustDomain, from }: BundleSource): void => {
    const backoff = new Backoff({ baseMs: 1000, maxMs: LEAST_REFRESH_MS, random })
    let cancel = (): void => {}
    let told = ''
    let last: SpiffeBundle | undefined
    closing.push(() => cancel())
    const read = async (): Promise<SpiffeBundle> => {
      const source = from.kind === 'file' ? from.path : from.url
      if (from.kind === 'url') return parseSpiffeBundle(await get(source), source)
      const text = readTextFile(source)
      if (text === undefined) throw new WeftError('file.read', `${source} is not there`)
      if (text.trimStart().startsWith('{')) return parseSpiffeBundle(text, source)
      return { bundle: parseTrustBundle(text, source), sequence: undefined, refreshMs: undefined }
    }
    const look = async (): Promise<void> => {
      let waitMs: number
      try {
        const now = await read()
        if (closed) return
        backoff.reset()
        take(now)
        told = ''
        waitMs = from.kind === 'file' ? FILE_LOOK_MS : clamp(now.refreshMs ?? REFRESH_MS)
      } catch (error) {
        if (closed) return
        waitMs = from.kind === 'file' ? FILE_LOOK_MS : backoff.next()
        const reason = describeError(error)
        const kept = last ? 'the last good one stays' : 'its identities are refused until it is there'
        if (reason !== told)
          log.warn(`the bundle of a federated trust domain is not taken; ${kept}`, { trustDomain, reason })
        told = reason
      }
      cancel = clock.after(waitMs, () => void look())
    }
    const take = (now: SpiffeBundle): void => {
      // Section 4.1.2: an older one is a mistake, or somebody's replay.
      const [before, next] = [last?.sequence, now.sequence]
      if (before !== undefined && next !== undefined && next < before)
        throw new WeftError('bundle.older', `its spiffe_sequence went back from ${before} to ${next}`)
      last = now
      const { pem, roots } = now.bundle
      if (bundles.value[trustDomain] === pem) return
      log.info('the bundle of a federated trust domain is in force', { trustDomain, roots: roots.length })
      bundles.set({ ...bundles.value, [trustDomain]: pem })
    }
    void look()
  }
  for (const source of sources) follow(source)
  return {
    bundles,
    close() {
      closed = true
      for (const one of closing) one()
    },
  }
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, LEAST_REFRESH_MS), MOST_REFRESH_MS)
}

async function fetchText(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' })
  const text = await limitedText(answer, LARGEST_BUNDLE)
  if (!answer.ok) throw new WeftError('bundle.unreachable', `${url} answered with ${answer.status}`)
  return text
}
