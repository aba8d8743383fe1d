import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import { WeftError } from '../../core/errors.ts'
import { textAt } from '../cluster/objects.ts'
import { firstBody, type MeshApi } from './mesh-api.ts'

/** The objects by which the control plane decides (policyObjects). Throws WeftError where it is too old to tell them. */
export async function objectsOf(api: MeshApi): Promise<readonly MeshObject[]> {
  // As the control plane of this release gives it under this address.
  const body = firstBody(await api.ask('authorization/objects')) as unknown as
    | { readonly objects: readonly MeshObject[] }
    | undefined
  if (body) return body.objects
  throw new WeftError(
    'mesh.no_objects',
    'the control plane of this mesh does not tell its policies: update it',
  )
}

export async function trustDomainOf(api: MeshApi): Promise<string> {
  return textAt(firstBody(await api.ask('mesh')), 'trustDomain')
}
