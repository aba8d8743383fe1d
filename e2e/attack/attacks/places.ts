import {
  CONTROL_PLANE,
  GRPC_PORT,
  HTTP_PORT,
  INJECTOR,
  PROXY_CONTAINER,
  SYSTEM_NAMESPACE,
  WEBHOOK_PORT,
} from '../../../core/contract.ts'
import type { AttackBed } from '../bed.ts'

// Who is attacked.
export const SERVER_SIDECAR = { pod: 'shop/server', container: PROXY_CONTAINER }
export const CLIENT_SIDECAR = { pod: 'shop/client', container: PROXY_CONTAINER }
export const CONTROL = { pod: `${SYSTEM_NAMESPACE}/${CONTROL_PLANE}`, container: 'control-plane' }
export const WEBHOOK = { pod: `${SYSTEM_NAMESPACE}/${INJECTOR}`, container: 'injector' }

// Where its pulse is felt, and where it is reached.
const CONTROL_HOST = `${CONTROL_PLANE}.${SYSTEM_NAMESPACE}`
export const GRPC_ADDRESS = `${CONTROL_HOST}:${GRPC_PORT}`
export const REST_ADDRESS = `${CONTROL_HOST}:${HTTP_PORT}`
export const WEBHOOK_ADDRESS = `${INJECTOR}.${SYSTEM_NAMESPACE}:${WEBHOOK_PORT}`
export const MESH_PULSE = 'http://server.shop:8080/pulse'
export const CONTROL_PULSE = `http://${REST_ADDRESS}/live`
export const WEBHOOK_PULSE = `https://${WEBHOOK_ADDRESS}/ready`

// Who attacks, see manifests/mesh.yaml.
export const MEMBER = 'evil/attacker'
export const NEIGHBOUR = 'outside/neighbour'
export const HOLDER = 'outside/holder'

/** The server's own address: past Services, and past the sidecars of callers. */
export async function serverAddress(bed: AttackBed): Promise<string> {
  return (await bed.pod('shop/server')).ips[0] ?? ''
}
