import { TOKEN_AUDIENCE } from '../../core/contract.ts'
import { openCaStore } from '../../certs/ca-store.ts'
import { describeError } from '../../core/errors.ts'
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
  /** How often the CA's directory is read again, in case another process rotated it; milliseconds, default a minute. */
  readonly caRefreshMs?: number
}

const CA_REFRESH_MS = 60_000

/** Everything in directories of one machine. */
export function manifestsPlatform(options: ManifestsPlatformOptions): OpenPlatform {
  const { manifests, caDirectory, tokenKeyDirectory, caRefreshMs = CA_REFRESH_MS } = options
  return async ({ trustDomain, log }) => {
    const store = openCaStore({ directory: caDirectory, trustDomain })
    const source = new ManifestDirectorySource({ directories: manifests, log })
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
      async close() {
        clearInterval(timer)
        source.close()
      },
    }
  }
}
