import { parseTrustBundle, type TrustBundle } from '../../certs/trust-bundle.ts'
import { WeftError } from '../../core/errors.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import { findObject } from '../kubernetes/find-object.ts'
import type { KubernetesObject } from '../kubernetes/follow.ts'

type Connection = Pick<KubernetesConnection, 'request'>

/** As trust-manager and kube-root-ca.crt name it. */
const CONFIG_MAP_KEY = 'ca.crt'
/** Newest first. */
const BUNDLE_VERSIONS = ['v1', 'v1beta1', 'v1alpha1']
const REMEDY = 'have its owner put the roots there, in PEM'

/** Roots in `data["ca.crt"]`. Throws WeftError `bundle.*`, KubernetesError. */
export async function configMapBundle(
  connection: Connection,
  namespace: string,
  name: string,
): Promise<TrustBundle> {
  const found = await findObject(connection, `/api/v1/namespaces/${namespace}/configmaps`, name)
  if (!found) throw missing(`there is no such ConfigMap: ${REMEDY}`)
  const pem = (found['data'] as Readonly<Record<string, unknown>> | undefined)?.[CONFIG_MAP_KEY]
  if (typeof pem !== 'string' || pem === '') throw missing(`is empty: ${REMEDY}`, `data[${CONFIG_MAP_KEY}]`)
  return parseTrustBundle(pem, `data[${CONFIG_MAP_KEY}]`)
}

/** The roots of all ClusterTrustBundles of a signer. Throws WeftError `bundle.*`, KubernetesError. */
export async function clusterTrustBundles(connection: Connection, signerName: string): Promise<TrustBundle> {
  const found = await listBundles(connection, signerName)
  const pems = found.map(({ spec }) => (spec as { trustBundle?: unknown } | undefined)?.trustBundle)
  const pem = pems.filter((one) => typeof one === 'string').join('\n')
  if (pem.trim() === '')
    throw missing(`there is none with spec.signerName ${signerName}: ${REMEDY}, or name a ConfigMap`)
  return parseTrustBundle(pem, 'spec.trustBundle')
}

async function listBundles(connection: Connection, signerName: string): Promise<readonly KubernetesObject[]> {
  for (const version of BUNDLE_VERSIONS) {
    try {
      const list = (await connection.request({
        method: 'GET',
        path: `/apis/certificates.k8s.io/${version}/clustertrustbundles`,
        query: { fieldSelector: `spec.signerName=${signerName}` },
      })) as { readonly items?: readonly KubernetesObject[] | null } | undefined
      return list?.items ?? []
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 404) throw error
    }
  }
  throw missing('the API server serves no ClusterTrustBundles: name a ConfigMap with the roots instead')
}

function missing(message: string, field?: string): WeftError {
  return new WeftError('bundle.empty', message, field === undefined ? {} : { field })
}
