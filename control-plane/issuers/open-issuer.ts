import { WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import { openBundleSource, type BundleSourceOptions } from './bundle-source.ts'
import { guardedIssuer } from './guarded-issuer.ts'
import type { Issuer } from './issuer.ts'
import { clusterTrustBundles, configMapBundle } from './kubernetes-bundle.ts'
import { kubernetesCsrIssuer } from './kubernetes-csr.ts'
import { spireIssuer } from './spire/spire-issuer.ts'
import { vaultClient, type VaultLogin } from './vault/vault-client.ts'
import { vaultBundle, vaultIssuer } from './vault/vault-issuer.ts'

/** Who signs; `own` is a CA whose key is here. */
export type IssuerChoice =
  | { readonly kind: 'own' }
  | {
      readonly kind: 'kubernetes-csr'
      readonly signerName: string
      /** With the roots; undefined: those of the signer's ClusterTrustBundles. */
      readonly configMap: string | undefined
    }
  | {
      readonly kind: 'vault'
      readonly address: string
      readonly mount: string
      readonly role: string
      readonly endpoint: 'sign' | 'sign-verbatim'
      readonly namespace: string | undefined
      readonly caPath: string | undefined
      readonly login: VaultLogin
    }
  | {
      readonly kind: 'spire'
      readonly agentSocket: string
      readonly server: { readonly host: string; readonly port: number }
    }

export interface OpenIssuerContext {
  readonly trustDomain: string
  /** Of servers that get a certificate. */
  readonly dnsNames: readonly string[]
  readonly log: Logger
  readonly signal: AbortSignal
  readonly waiting: (reason: string) => void
  /** Where there is an API server. */
  readonly cluster?: { readonly connection: KubernetesConnection; readonly namespace: string }
}

/** An issuer that is somebody else's; waits for its roots. Throws WeftError for what waiting does not mend. */
export async function openIssuer(
  choice: Exclude<IssuerChoice, { kind: 'own' }>,
  context: OpenIssuerContext,
): Promise<Issuer> {
  const { log, signal, waiting, cluster } = context
  const source = (title: string, read: BundleSourceOptions['read']) =>
    openBundleSource({ title, read, log, signal, waiting })
  switch (choice.kind) {
    case 'kubernetes-csr': {
      const { signerName, configMap } = choice
      if (!cluster)
        throw new WeftError('cli.flags', 'kubernetes-csr goes with --kubernetes only', { field: '--issuer' })
      const { connection, namespace } = cluster
      const bundle =
        configMap === undefined
          ? await source(`ClusterTrustBundles of ${signerName}`, () =>
              clusterTrustBundles(connection, signerName),
            )
          : await source(`ConfigMap ${namespace}/${configMap}`, () =>
              configMapBundle(connection, namespace, configMap),
            )
      return guardedIssuer(kubernetesCsrIssuer({ connection, signerName, bundle }), { log })
    }
    case 'vault': {
      const { address, mount, role, endpoint } = choice
      const client = vaultClient(choice)
      try {
        const bundle = await source(`Vault ${address}/v1/${mount}`, (until) =>
          vaultBundle(client, mount, until),
        )
        return guardedIssuer(vaultIssuer({ client, address, mount, role, endpoint, bundle }), { log })
      } catch (error) {
        client.close()
        throw error
      }
    }
    case 'spire':
      return spireIssuer({ ...choice, ...context })
  }
}
