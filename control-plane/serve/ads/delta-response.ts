import type { Resource } from '../../../core/xds/generated/envoy.js'
import type { MeshResource } from '../../xds/resource.ts'

/** What a client has to be told of one type. */
export interface Difference {
  readonly changed: readonly MeshResource[]
  /** Names of what does not exist, or no more. */
  readonly removed: readonly string[]
}

/** The content of one response. */
export interface DeltaContent {
  readonly resources: readonly Resource[]
  readonly removedResources: readonly string[]
}

// Well under grpc-js's 4 MiB for one message, so that a large wildcard comes in several.
const RESPONSE_BYTES = 1024 * 1024

/** A difference in as many responses as its size asks for: none for no difference. */
export function contentsOf({ changed, removed }: Difference): DeltaContent[] {
  const contents: DeltaContent[] = []
  let resources: Resource[] = []
  let removedResources: string[] = []
  let bytes = 0
  const makeRoom = (size: number): void => {
    if (contents.length === 0 || bytes + size > RESPONSE_BYTES) {
      resources = []
      removedResources = []
      bytes = 0
      contents.push({ resources, removedResources })
    }
    bytes += size
  }
  for (const { name, version, typeUrl, body } of changed) {
    makeRoom(body.length + name.length)
    resources.push({ name, version, resource: { typeUrl, value: body } })
  }
  for (const name of removed) {
    makeRoom(name.length)
    removedResources.push(name)
  }
  return contents
}
