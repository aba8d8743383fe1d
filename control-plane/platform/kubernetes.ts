import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { CA_SECRET, INJECTOR, TOKEN_AUDIENCE, systemServiceHost } from '../../core/contract.ts'
import { systemClock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { gatheredCounts, otherReplicas } from '../canary/evidence/gathered-counts.ts'
import { askInCluster } from '../canary/kubernetes/ask-canary.ts'
import { parseStatus } from '../canary/status.ts'
import { NO_KEPT_KEYS, type KeptKeys } from '../jwks/kept-keys.ts'
import { followCa } from '../kubernetes/ca/followed-ca.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import { ownIssuer } from '../kubernetes/in-cluster.ts'
import type { Issuer } from '../issuers/issuer.ts'
import { openIssuer, type IssuerChoice } from '../issuers/open-issuer.ts'
import { authorityIssuer } from '../issuers/own-ca.ts'
import { openConnection, type ConnectionOptions } from '../kubernetes/open-connection.ts'
import { startPublisher } from '../publish/publisher.ts'
import type { CniRepair } from '../publish/uncaptured-pods.ts'
import { keptInCluster } from '../publish/token-keys-writer.ts'
import { readWatched } from '../registry/kubernetes/read-watched.ts'
import { KubernetesSource } from '../registry/kubernetes/kubernetes-source.ts'
import { kubernetesAccess, type KubernetesAccessOptions } from '../serve/access/kubernetes-access.ts'
import { openAccess } from '../serve/access/open-access.ts'
import { tokenReviewVerifier } from '../serve/tokens/token-review.ts'
import type { OpenPlatform, PlatformContext } from './platform.ts'

/** Of `--http-auth kubernetes`. */
export type HttpAuth = Pick<KubernetesAccessOptions, 'replicaTokenFile' | 'proxy'>

export interface KubernetesPlatformOptions extends ConnectionOptions {
  /** Where Weft is installed: its Secrets and its Lease are there. */
  readonly namespace: string
  /** A Secret with a CA that somebody else keeps, in cert-manager's layout; undefined: Weft's own, in Secret `weft-ca`. */
  readonly issuerSecret?: string | undefined
  /** Who signs; default a CA in a Secret. */
  readonly issuer?: IssuerChoice
  /** The signer in whose ClusterTrustBundle the roots are kept; undefined: in none. */
  readonly clusterTrustBundle?: string | undefined
  /** What becomes of pods whose traffic is not captured. */
  readonly cniRepair?: CniRepair
  /** The REST pages ask for tokens; undefined: for none. */
  readonly httpAuth?: HttpAuth | undefined
  /** Of the serving certificate; a CA that is given must allow them. */
  readonly dnsNames: readonly string[]
}

/** Everything from an API server: the mesh's objects, the word on tokens, the CA in a Secret. */
export function kubernetesPlatform(options: KubernetesPlatformOptions): OpenPlatform {
  return async (context) => {
    const connection = await openConnection(options)
    try {
      return await open(connection, options, context)
    } catch (error) {
      await connection.close()
      throw error
    }
  }
}

async function open(
  connection: KubernetesConnection,
  options: KubernetesPlatformOptions,
  context: PlatformContext,
): ReturnType<OpenPlatform> {
  const { namespace, clusterTrustBundle, cniRepair = 'off' } = options
  const { log, signal, waiting } = context
  const about = { connection, namespace, log }
  log.info('reading the cluster', { server: connection.server, namespace })
  // First: a replica that may not read the CA need not load the API server with lists.
  const issuer = await issuerOf(connection, options, context)
  const source = new KubernetesSource({ connection, log })
  const tell = (): void => waiting(source.waitsFor)
  const close = (): void => {
    source.close()
    issuer.close()
  }
  const { httpAuth } = options
  const access = httpAuth ? kubernetesAccess({ connection, ...httpAuth }) : openAccess({ acts: false })
  tell()
  const untell = source.errors.watch(tell)
  signal.addEventListener('abort', close)
  try {
    await source.synced
  } catch (error) {
    close()
    throw error
  } finally {
    untell()
    signal.removeEventListener('abort', close)
  }
  return {
    source,
    namespace,
    issuer,
    verifier: tokenReviewVerifier({
      connection,
      audience: TOKEN_AUDIENCE,
      issuer: ownIssuer(),
      podOf: (of, name) => source.snapshot.value.pods.get(`${of}/${name}`),
    }),
    keptKeys: await keptKeys(connection, namespace, log),
    publish(mesh, counts, tokenKeys) {
      const publisher = startPublisher({
        ...about,
        identity: `${hostname()}_${randomUUID()}`,
        snapshot: source.snapshot,
        routeStatus: mesh.snapshot,
        policyStatus: mesh.snapshot,
        issuer,
        tokenKeys,
        clusterTrustBundle,
        cniRepair,
        counts: gatheredCounts(counts, () =>
          otherReplicas(source.snapshot.value, namespace, hostname(), access.replicaAuthorization()),
        ),
        clock: systemClock,
      })
      return () => publisher.stop()
    },
    access,
    async askCanary(of, name, request) {
      try {
        await askInCluster(connection, of, name, request)
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error
        const why =
          error.status === 403 ? 'the control plane may not (RBAC: patch canaries)' : describeError(error)
        throw new WeftError('canary.not_asked', `the Canary could not be asked: ${why}`, { cause: error })
      }
    },
    readObject: (reference) => readWatched(connection, reference),
    canaryStatus: ({ status }) => parseStatus(status),
    async close() {
      close()
      await connection.close()
    },
  }
}

/** Without them it starts as well: they are for issuers that are away. */
async function keptKeys(connection: KubernetesConnection, namespace: string, log: Logger): Promise<KeptKeys> {
  try {
    return await keptInCluster(connection, namespace)
  } catch (error) {
    log.warn('keys of token issuers that were kept could not be read', { reason: describeError(error) })
    return NO_KEPT_KEYS
  }
}

async function issuerOf(
  connection: KubernetesConnection,
  { namespace, issuer = { kind: 'own' }, issuerSecret, dnsNames }: KubernetesPlatformOptions,
  context: PlatformContext,
): Promise<Issuer> {
  const own = { ...context, dnsNames: [...dnsNames, systemServiceHost(INJECTOR, namespace)] }
  const cluster = { connection, namespace }
  if (issuer.kind !== 'own') return openIssuer(issuer, { ...own, cluster })
  const name = issuerSecret ?? CA_SECRET
  const ca = await followCa({
    ...own,
    ...cluster,
    name,
    given: issuerSecret !== undefined,
    aliases: context.trustDomainAliases,
  })
  return authorityIssuer(`Secret ${namespace}/${name}`, ca.authority, { close: () => ca.close() })
}
