import type { X509Certificate } from 'node:crypto'
import { isSelfSigned } from '../../../certs/chain.ts'
import { csrPem } from '../../../certs/csr.ts'
import { parseCertificates, trustBundle, type TrustBundle } from '../../../certs/trust-bundle.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import type { BundleSource } from '../bundle-source.ts'
import type { CertificateRequest } from '../issuer.ts'
import type { RemoteIssuer } from '../remote-issuer.ts'
import type { VaultClient } from './vault-client.ts'

export interface VaultIssuerOptions {
  readonly client: VaultClient
  readonly address: string
  /** Where the PKI engine is, such as `pki`. */
  readonly mount: string
  readonly role: string
  /** `sign`: the role decides on names; `sign-verbatim`: Vault certifies what a request says. */
  readonly endpoint: 'sign' | 'sign-verbatim'
  readonly bundle: BundleSource
}

/** Of one mount; more are not asked for. */
const MOST_ISSUERS = 32

/** Vault's PKI secrets engine (developer.hashicorp.com/vault/api-docs/secret/pki), POST MOUNT/sign/ROLE. */
export function vaultIssuer({
  client,
  address,
  mount,
  role,
  endpoint,
  bundle,
}: VaultIssuerOptions): RemoteIssuer {
  return {
    title: `Vault ${address}/v1/${mount}`,
    shortestLifeMs: 1000,
    bundle: bundle.bundle,
    refresh: () => bundle.refresh(),
    async sign(request, signal) {
      const path = `${mount}/${endpoint}/${role}`
      const ttl = `${Math.ceil(request.lifeMs / 1000)}s`
      const body = {
        csr: csrPem(request.csr),
        format: 'pem',
        ttl,
        ...(endpoint === 'sign' ? namesOf(request) : usesOf(request)),
      }
      return chainOf(await client.request('POST', path, body, signal))
    },
    close() {
      bundle.close()
      client.close()
    },
  }
}

/**
 * The roots of all issuers of the mount: a new one is trusted as soon as it is there, and until it is deleted, whichever is
 * the default. Throws WeftError.
 */
export async function vaultBundle(
  client: VaultClient,
  mount: string,
  signal: AbortSignal,
): Promise<TrustBundle> {
  const { keys } = (await client.request('GET', `${mount}/issuers?list=true`, undefined, signal)) as {
    keys?: unknown
  }
  const ids = Array.isArray(keys) ? keys.filter((one) => typeof one === 'string') : []
  if (ids.length > MOST_ISSUERS)
    throw new WeftError(
      'issuer.wrong_answer',
      `has ${ids.length} issuers, at most ${MOST_ISSUERS} are read`,
      {
        field: `${mount}/issuers`,
      },
    )
  const found: X509Certificate[] = []
  for (const id of ids) {
    const issuer = await client.request('GET', `${mount}/issuer/${encodeURIComponent(id)}`, undefined, signal)
    const { certificate, ca_chain: chain } = issuer as { certificate?: unknown; ca_chain?: unknown }
    found.push(...certificates([certificate, chain], `${mount}/issuer/${id}`))
  }
  const roots = found.filter(isSelfSigned)
  if (roots.length === 0)
    throw new WeftError(
      'issuer.wrong_answer',
      'no issuer of that mount has a root in its ca_chain: import the root beside the intermediate (POST MOUNT/issuers/import/cert)',
      { field: `${mount}/issuers` },
    )
  return trustBundle(roots, `${mount}/issuers`)
}

function namesOf({ names }: CertificateRequest): object {
  if ('spiffeId' in names) return { uri_sans: names.spiffeId, exclude_cn_from_sans: true }
  return { alt_names: names.dnsNames.join(','), exclude_cn_from_sans: true }
}

/** Without them Vault allows key agreement and encipherment, and no use of TLS. */
function usesOf({ names, csrNames }: CertificateRequest): object {
  if ('spiffeId' in names && !csrNames.uris.includes(names.spiffeId))
    throw new WeftError(
      'csr.no_name',
      `the CSR does not say ${names.spiffeId}, and sign-verbatim certifies what a CSR says: restart the pod, so that it gets a sidecar of this release`,
    )
  const uses = 'spiffeId' in names ? ['ServerAuth', 'ClientAuth'] : ['ServerAuth']
  return { key_usage: ['DigitalSignature'], ext_key_usage: uses }
}

function chainOf(data: unknown): readonly X509Certificate[] {
  const answer = (data ?? {}) as { certificate?: unknown; ca_chain?: unknown; issuing_ca?: unknown }
  const above = answer.ca_chain ?? answer.issuing_ca
  return certificates([answer.certificate, above], 'certificate, ca_chain')
}

/** `texts`: PEM, or lists of it. */
function certificates(texts: readonly unknown[], field: string): X509Certificate[] {
  const pem = texts.flat().filter((one) => typeof one === 'string' && one.trim() !== '')
  if (pem.length === 0) return []
  try {
    return parseCertificates(pem.join('\n'), field)
  } catch (error) {
    throw new WeftError(
      'issuer.wrong_answer',
      `Vault answers what is no certificate: ${describeError(error)}`,
      {
        field,
      },
    )
  }
}
