/** What a one-machine pod is run from: the part of a Kubernetes PodSpec that has an effect here. */
export interface PodSpec {
  readonly serviceAccountName: string
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never'
  readonly terminationGraceSeconds: number
  readonly runAsUser: number | undefined
  readonly runAsGroup: number | undefined
  readonly fsGroup: number | undefined
  readonly hostname: string | undefined
  /** The headless Service in whose name the pod's own name is. */
  readonly subdomain: string | undefined
  /** The one node that it may be on. */
  readonly nodeName: string | undefined
  /** Labels that its node must have. */
  readonly nodeSelector: Readonly<Record<string, string>>
  readonly hostAliases: readonly { ip: string; hostnames: readonly string[] }[]
  readonly initContainers: readonly ContainerSpec[]
  readonly containers: readonly ContainerSpec[]
  readonly volumes: readonly VolumeSpec[]
}

export interface ContainerSpec {
  readonly name: string
  readonly image: string
  readonly command: readonly string[] | undefined
  readonly args: readonly string[]
  readonly workingDir: string | undefined
  readonly env: readonly EnvEntry[]
  readonly envFrom: readonly { from: ConfigKind; name: string; prefix: string; optional: boolean }[]
  readonly ports: readonly ContainerPort[]
  readonly mounts: readonly VolumeMount[]
  readonly startupProbe: ProbeSpec | undefined
  readonly readinessProbe: ProbeSpec | undefined
  readonly livenessProbe: ProbeSpec | undefined
  readonly preStop: Action | undefined
  readonly security: ContainerSecurity
  /** An init container with restartPolicy Always: starts before the others and stays. */
  readonly sidecar: boolean
}

export interface ContainerSecurity {
  readonly runAsUser: number | undefined
  readonly runAsGroup: number | undefined
  readonly addCapabilities: readonly string[]
  readonly dropCapabilities: readonly string[]
  readonly noNewPrivileges: boolean
  readonly readOnlyRoot: boolean
}

export interface ContainerPort {
  readonly name: string | undefined
  readonly containerPort: number
  readonly protocol: string
}

export type EnvEntry =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly fieldPath: string }
  | {
      readonly name: string
      readonly from: ConfigKind
      readonly object: string
      readonly key: string
      readonly optional: boolean
    }

/** What a value may be taken from. */
export type ConfigKind = 'ConfigMap' | 'Secret'

export interface VolumeMount {
  readonly volume: string
  readonly path: string
  readonly subPath: string | undefined
  readonly readOnly: boolean
}

export type VolumeSpec =
  /** A directory of the machine: for the mesh's own pods only. */
  | { readonly name: string; readonly type: 'hostPath'; readonly path: string }
  /** A directory that outlives the pod, though not the cluster. */
  | { readonly name: string; readonly type: 'claim'; readonly claim: string }
  | {
      readonly name: string
      readonly type: 'emptyDir'
      readonly memory: boolean
      readonly sizeLimit: string | undefined
    }
  | {
      readonly name: string
      readonly type: 'projected'
      readonly mode: number | undefined
      readonly sources: readonly Projection[]
    }

export type Projection =
  | {
      readonly type: 'token'
      readonly path: string
      readonly audience: string
      readonly expirySeconds: number
    }
  | {
      readonly type: 'config'
      readonly from: ConfigKind
      readonly name: string
      readonly items: readonly KeyPath[] | undefined
      readonly optional: boolean
    }
  | { readonly type: 'downwardAPI'; readonly items: readonly { path: string; fieldPath: string }[] }

export interface KeyPath {
  readonly key: string
  readonly path: string
}

/** What a probe or a preStop hook does. */
export type Action =
  | { readonly type: 'exec'; readonly command: readonly string[] }
  | {
      readonly type: 'http'
      readonly port: number | string
      readonly path: string
      readonly scheme: 'http' | 'https'
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly type: 'tcp'; readonly port: number | string }
  | { readonly type: 'grpc'; readonly port: number; readonly service: string }
  | { readonly type: 'sleep'; readonly seconds: number }

export interface ProbeSpec {
  readonly action: Action
  readonly initialDelaySeconds: number
  readonly periodSeconds: number
  readonly timeoutSeconds: number
  readonly successThreshold: number
  readonly failureThreshold: number
}
