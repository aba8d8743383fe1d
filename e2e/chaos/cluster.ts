import { fileURLToPath } from 'node:url'
import { startCluster, type LocalCluster } from '../../local/cluster.ts'
import { untilReady } from '../demo/until-ready.ts'

const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** A mesh of its own with the manifests of the storm, ready. Throws a WeftError, `local.requirements` where the machine lacks something. */
export async function startStormCluster(options: {
  readonly signal?: AbortSignal
  readonly onProgress: (line: string) => void
}): Promise<LocalCluster> {
  const { onProgress } = options
  onProgress('starting the mesh')
  const cluster = await startCluster({
    ...options,
    manifests: [folder('manifests')],
    // Its application and its callers share files with the rest of the project.
    images: { 'weft.dev/chaos': folder('../..') },
    name: `chaos-${process.pid}`,
    copy: true,
  })
  try {
    await untilReady(cluster)
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}
