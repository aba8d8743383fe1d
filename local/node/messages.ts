import { join } from 'node:path'
import { fullName, type ManifestInput } from '../manifest/inputs.ts'
import { manifestCopy } from '../state-directory.ts'
import type { NetworkMode } from '../network/node-network.ts'
import type { ProblemChange } from '../problems/problem-board.ts'
import type { AdmissionOptions } from './admission.ts'

/** The nodes that a cluster starts with. */
export interface NodePlan {
  /** 1: the cluster's own namespace is the node, and nothing is between pods. */
  readonly count: number
  readonly network: NetworkMode
  /** Of the nodes in turn, again from the first where there are fewer: `zone-a`, `zone-b`. Empty: none has one. */
  readonly zones: readonly string[]
}

/** What the launcher tells the node process once, over the IPC channel. */
export interface NodeConfig {
  readonly name: string
  readonly stateDirectory: string
  /** What finds this cluster in a command: '' or ` --name two`. */
  readonly flags: string
  readonly manifests: readonly ManifestInput[]
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
  readonly nodes: NodePlan
  /** A URL where the control plane passes reports on to. */
  readonly collector: string | undefined
  /** A webhook of the manifests' own; with `mesh`, the mesh's is used. */
  readonly admission: AdmissionOptions | undefined
}

/** The directories that the cluster reads manifests from: one for each input, in the same order. */
export function followedDirectories(config: NodeConfig): readonly string[] {
  const { copyManifests, manifests, stateDirectory } = config
  return manifests.map((input, index) =>
    input.type === 'text' || copyManifests ? manifestCopy(stateDirectory, index) : input.path,
  )
}

/** The file that the text of an input is in. */
export function textFile(config: NodeConfig, index: number): string {
  return join(manifestCopy(config.stateDirectory, index), 'manifests.yaml')
}

/** What people call a file of a followed directory: of a text the name that they gave. */
export function manifestName(config: NodeConfig, path: string): string {
  const input = config.manifests.find((own, index) => own.type === 'text' && textFile(config, index) === path)
  return input?.type === 'text' ? fullName(input.name) : path
}

export type ToNode =
  | { readonly type: 'start'; readonly config: NodeConfig }
  /** Comes with a listening server of the host's. `target` is `service.namespace:port`. */
  | { readonly type: 'expose'; readonly target: string }
  /** Comes with a connection that was made before the node had the listening server. */
  | { readonly type: 'exposed'; readonly target: string }
  /** The text of an input is another one now. */
  | { readonly type: 'manifests'; readonly index: number; readonly text: string }
  | { readonly type: 'down' }

export type FromNode =
  | { readonly type: 'progress' | 'warning'; readonly line: string }
  | { readonly type: 'problems'; readonly change: ProblemChange }
  | { readonly type: 'up' }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
