import { CLUSTER_TRUST_BUNDLES, clusterTrustBundleName } from '../../core/cluster-trust-bundle.ts'
import { WeftError } from '../../core/errors.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import { followObjects, type Followed } from '../kubernetes/follow.ts'
import { WorkQueue } from './work-queue.ts'
import { APPLY, FIELD_MANAGER, OWN_LABELS, type StartWriter } from './writer.ts'

type Served = (typeof CLUSTER_TRUST_BUNDLES)[number]

/** Keeps the trust bundle in one ClusterTrustBundle, for whoever projects it: sidecars, and workloads without one. */
export function writeClusterTrustBundle(signerName: string): StartWriter {
  return (context) => {
    const { connection, issuer, log } = context
    const name = clusterTrustBundleName(signerName)
    let followed: (Followed & Served) | undefined
    let listed = false

    const follow = async (): Promise<void> => {
      const served = await findServed(connection, name)
      const objects = followObjects({
        ...context,
        path: served.path,
        name,
        onObject: () => listed && queue.add(name),
        onListed() {
          listed = true
          queue.add(name)
        },
      })
      followed = { ...objects, ...served }
    }
    const queue: WorkQueue = new WorkQueue({
      ...context,
      what: 'the ClusterTrustBundle',
      async reconcile() {
        if (!followed) return follow()
        if (!listed) return
        const spec = { signerName, trustBundle: issuer.trust.value.bundle.pem }
        const found = followed.objects.get(name)?.['spec'] as Partial<typeof spec> | undefined
        if (found?.trustBundle === spec.trustBundle) return
        const { apiVersion, path } = followed
        const body = {
          apiVersion,
          kind: 'ClusterTrustBundle',
          metadata: { name, labels: OWN_LABELS },
          spec,
        }
        const answer = await connection.request({
          method: 'PATCH',
          path: `${path}/${name}`,
          query: { fieldManager: FIELD_MANAGER, force: true },
          body,
          contentType: APPLY,
        })
        followed.wrote(answer)
        log.info('the roots were written', { clusterTrustBundle: name })
      },
      parallel: 1,
    })
    queue.add(name)
    const unwatch = issuer.trust.watch(() => queue.add(name))
    return {
      async stop() {
        unwatch()
        await queue.stop()
        followed?.close()
      },
    }
  }
}

async function findServed(connection: KubernetesConnection, name: string): Promise<Served> {
  for (const served of CLUSTER_TRUST_BUNDLES) {
    try {
      const query = { fieldSelector: `metadata.name=${name}` }
      await connection.request({ method: 'GET', path: served.path, query })
      return served
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 404) throw error
    }
  }
  throw new WeftError(
    'kubernetes.not_served',
    'the API server serves no ClusterTrustBundles: start it with --feature-gates=ClusterTrustBundle=true and ' +
      '--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true, or install without clusterTrustBundle.signerName',
    { field: '--cluster-trust-bundle' },
  )
}
