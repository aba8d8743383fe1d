/** Programs that a test may end and start again. */
export type Restartable = 'etcd' | 'kube-apiserver' | 'kube-controller-manager'

export interface InsideConfig {
  readonly mode: 'api' | 'node'
  /** The cluster's directory on the machine: pki, kubeconfigs, logs. */
  readonly state: string
  /** Folders of the programs, in their order. */
  readonly directories: readonly string[]
  readonly apiServerFlags: readonly string[]
}

/** To the process inside the namespaces. */
export type ToInside =
  | { readonly type: 'start'; readonly config: InsideConfig }
  /** With a listening server of the machine: what connects there is piped to the API server. */
  | { readonly type: 'listen' }
  | { readonly type: 'end' | 'begin'; readonly id: number; readonly program: Restartable }
  | { readonly type: 'down' }

/** From it. */
export type FromInside =
  | { readonly type: 'progress'; readonly line: string }
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly id: number; readonly error?: string }
  | { readonly type: 'failed'; readonly message: string }
