import { manifestCopies } from '../state-directory.ts'
import type { AdmissionOptions } from './admission.ts'

/** What the launcher tells the node process once, over the IPC channel. */
export interface NodeConfig {
  readonly name: string
  readonly stateDirectory: string
  readonly manifestDirectories: readonly string[]
  /** Follow copies in the state directory, so that what changes them while it runs changes nobody's files. */
  readonly copyManifests: boolean
  readonly images: readonly (readonly [name: string, folder: string])[]
  /** Processes of the machine that end with the cluster: `weft local down` waits for them. */
  readonly endsWith: readonly number[]
  /** Mounted in pods: see program.ts. */
  readonly project: string
  readonly packages: string
  readonly nodeBinary: string
  readonly mesh: boolean
  /** A webhook of the manifests' own; with `mesh`, the mesh's is used. */
  readonly admission: AdmissionOptions | undefined
}

/** Where the cluster reads manifests. */
export function followedDirectories(config: NodeConfig): readonly string[] {
  const { copyManifests, manifestDirectories, stateDirectory } = config
  return copyManifests ? manifestCopies(stateDirectory, manifestDirectories) : manifestDirectories
}

export type ToNode =
  | { readonly type: 'start'; readonly config: NodeConfig }
  /** Comes with a listening server of the host's. `target` is `service.namespace:port`. */
  | { readonly type: 'expose'; readonly target: string }
  | { readonly type: 'down' }

export type FromNode =
  | { readonly type: 'progress' | 'warning'; readonly line: string }
  | { readonly type: 'up' }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
