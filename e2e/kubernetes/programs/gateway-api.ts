import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { fetchGoModule } from '../../programs/go-module.ts'
import { GATEWAY_API } from './versions.ts'

export const GATEWAY_API_MODULE = 'sigs.k8s.io/gateway-api'

/** In its part of the cache: kubectl takes the whole folder, so nothing else lies there. */
export const CRDS = 'standard'

/** Puts Gateway API's CRDs (standard channel) into `folder`/standard, from the Go module that carries them. */
export async function fetchGatewayApi(folder: string): Promise<Record<string, string>> {
  const { Dir, Sum } = await fetchGoModule(GATEWAY_API_MODULE, GATEWAY_API)
  cpSync(join(Dir, 'config', 'crd', 'standard'), join(folder, CRDS), { recursive: true })
  return { module: GATEWAY_API_MODULE, version: GATEWAY_API, sum: Sum }
}
