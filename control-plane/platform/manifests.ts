import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SYSTEM_NAMESPACE, TOKEN_AUDIENCE } from '../../core/contract.ts'
import { openCaStore } from '../../certs/ca-store.ts'
import { systemClock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { CanaryController } from '../canary/controller.ts'
import { ManifestRoutes } from '../canary/manifests/manifest-routes.ts'
import { manifestStore } from '../canary/manifests/manifest-store.ts'
import { CanaryDirectory } from '../canary/manifests/state-directory.ts'
import type { Issuer } from '../issuers/issuer.ts'
import { openIssuer, type IssuerChoice } from '../issuers/open-issuer.ts'
import { keepInDirectory, keptInDirectory } from '../jwks/kept-keys-file.ts'
import { authorityIssuer } from '../issuers/own-ca.ts'
import { ToldProblems } from '../problems/told-problems.ts'
import { ManifestDirectorySource } from '../registry/manifest-directory.ts'
import { openAccess } from '../serve/access/open-access.ts'
import { localTokenVerifier } from '../serve/tokens/verifier.ts'
import type { OpenPlatform, Platform, PlatformContext } from './platform.ts'

export interface ManifestsPlatformOptions {
  /** Read for manifests; the last one wins. */
  readonly manifests: readonly string[]
  /** A CA in a directory, or somebody else's. */
  readonly issuer:
    | { readonly kind: 'own'; readonly caDirectory: string }
    | Exclude<IssuerChoice, { kind: 'own' | 'kubernetes-csr' }>
  /** Of servers that get a certificate. */
  readonly dnsNames?: readonly string[]
  /** Holds the public key that service account tokens are checked by. */
  readonly tokenKeyDirectory: string
  /** A file with problems that somebody else found. */
  readonly problems?: string | undefined
  /** Keeps how far Canaries are, and keys of token issuers; undefined: a directory for this run alone. */
  readonly stateDirectory?: string | undefined
  /** Addresses of this machine, from which people act by the REST pages, beside loopback. */
  readonly machine?: readonly string[] | undefined
  /** How often the CA's directory is read again, in case another process rotated it; milliseconds, default a minute. */
  readonly caRefreshMs?: number
}

const CA_REFRESH_MS = 60_000

/** Everything in directories of one machine. */
export function manifestsPlatform(options: ManifestsPlatformOptions): OpenPlatform {
  return async (context) => {
    const issuer = await issuerOf(options, context)
    try {
      return open(options, issuer, context.log)
    } catch (error) {
      issuer.close()
      throw error
    }
  }
}

function open(options: ManifestsPlatformOptions, issuer: Issuer, log: Logger): Platform {
  const temporary =
    options.stateDirectory === undefined ? mkdtempSync(join(tmpdir(), 'weft-canaries-')) : undefined
  const stateDirectory = options.stateDirectory ?? temporary ?? ''
  const directory = new CanaryDirectory(stateDirectory)
  const routes = new ManifestRoutes(directory.routes, () => directory.saveRoutes(routes.entries))
  const revise = (document: unknown): unknown => routes.revise(document)
  const source = new ManifestDirectorySource({ directories: options.manifests, log, revise })
  const told = options.problems === undefined ? undefined : new ToldProblems(options.problems, log)
  return {
    source,
    namespace: SYSTEM_NAMESPACE,
    verifier: localTokenVerifier({ directory: options.tokenKeyDirectory, audience: TOKEN_AUDIENCE }),
    issuer,
    problems: () => told?.value ?? [],
    keptKeys: keptInDirectory(stateDirectory),
    publish(_mesh, counts, tokenKeys) {
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
      const stopKeeping = keepInDirectory(stateDirectory, tokenKeys, log)
      return () => {
        stopKeeping()
        return controller.stop()
      }
    },
    access: openAccess({ acts: true, machine: options.machine }),
    askCanary(namespace, name, request) {
      if (!source.snapshot.value.canaries.has(`${namespace}/${name}`))
        return Promise.reject(new WeftError('canary.none', `there is no Canary ${namespace}/${name}`))
      directory.ask(namespace, name, request)
      return Promise.resolve()
    },
    readObject: (reference) => Promise.resolve(source.document(reference)),
    canaryStatus: ({ meta }) => directory.status(meta.namespace, meta.name),
    async close() {
      issuer.close()
      source.close()
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
    },
  }
}

async function issuerOf(
  { issuer, dnsNames = [], caRefreshMs = CA_REFRESH_MS }: ManifestsPlatformOptions,
  context: PlatformContext,
): Promise<Issuer> {
  if (issuer.kind !== 'own') return openIssuer(issuer, { ...context, dnsNames })
  const { caDirectory: directory } = issuer
  const { trustDomain, trustDomainAliases: aliases, clock, log } = context
  const store = openCaStore({ directory, trustDomain, aliases })
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
  return authorityIssuer(`CA in ${directory}`, store.authority, { clock, close: () => clearInterval(timer) })
}
