import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOKEN_AUDIENCE } from '../../core/contract.ts'
import { openCaStore } from '../../certs/ca-store.ts'
import { systemClock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import { CanaryController } from '../canary/controller.ts'
import { ManifestRoutes } from '../canary/manifests/manifest-routes.ts'
import { manifestStore } from '../canary/manifests/manifest-store.ts'
import { CanaryDirectory } from '../canary/manifests/state-directory.ts'
import { ToldProblems } from '../problems/told-problems.ts'
import { ManifestDirectorySource } from '../registry/manifest-directory.ts'
import { localTokenVerifier } from '../serve/tokens/verifier.ts'
import type { OpenPlatform } from './platform.ts'

export interface ManifestsPlatformOptions {
  /** Read for manifests; the last one wins. */
  readonly manifests: readonly string[]
  readonly caDirectory: string
  /** Holds the public key that service account tokens are checked by. */
  readonly tokenKeyDirectory: string
  /** A file with problems that somebody else found. */
  readonly problems?: string | undefined
  /** Keeps how far Canaries are; undefined: a directory for this run alone. */
  readonly stateDirectory?: string | undefined
  /** How often the CA's directory is read again, in case another process rotated it; milliseconds, default a minute. */
  readonly caRefreshMs?: number
}

const CA_REFRESH_MS = 60_000

/** Everything in directories of one machine. */
export function manifestsPlatform(options: ManifestsPlatformOptions): OpenPlatform {
  const { manifests, caDirectory, tokenKeyDirectory, caRefreshMs = CA_REFRESH_MS } = options
  return async ({ trustDomain, trustDomainAliases, log }) => {
    const store = openCaStore({ directory: caDirectory, trustDomain, aliases: trustDomainAliases })
    const temporary =
      options.stateDirectory === undefined ? mkdtempSync(join(tmpdir(), 'weft-canaries-')) : undefined
    const directory = new CanaryDirectory(options.stateDirectory ?? temporary ?? '')
    const routes = new ManifestRoutes(directory.routes, () => directory.saveRoutes(routes.entries))
    const revise = (document: unknown): unknown => routes.revise(document)
    const source = new ManifestDirectorySource({ directories: manifests, log, revise })
    const timer = setInterval(() => {
      try {
        store.refresh()
      } catch (error) {
        log.error('the CA could not be read again; what was read before signs on', {
          reason: describeError(error),
        })
      }
    }, caRefreshMs)
    timer.unref()
    const told = options.problems === undefined ? undefined : new ToldProblems(options.problems, log)
    return {
      source,
      verifier: localTokenVerifier({ directory: tokenKeyDirectory, audience: TOKEN_AUDIENCE }),
      authority: store.authority,
      problems: () => told?.value ?? [],
      publish(_mesh, counts) {
        const { snapshot } = source
        const store = manifestStore({ routes, directory, snapshot, reread: () => source.reread() })
        const controller = new CanaryController({
          snapshot,
          store,
          counts,
          mayWrite: () => true,
          log,
          clock: systemClock,
        })
        return () => controller.stop()
      },
      canaryStatus: ({ meta }) => directory.status(meta.namespace, meta.name),
      async close() {
        clearInterval(timer)
        source.close()
        if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
      },
    }
  }
}
