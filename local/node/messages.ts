import type { AdmissionOptions } from './admission.ts'

/** What the launcher tells the node process once, over the IPC channel. */
export interface NodeConfig {
  readonly name: string
  readonly stateDirectory: string
  readonly manifestDirectories: readonly string[]
  readonly images: readonly (readonly [name: string, folder: string])[]
  readonly project: string
  readonly nodeBinary: string
  readonly mesh: boolean
  /** A webhook of the manifests' own; with `mesh`, the mesh's is used. */
  readonly admission: AdmissionOptions | undefined
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
