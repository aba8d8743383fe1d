import { CHECKS, type CheckCode } from '../../../core/checks/catalog.ts'
import type { ObjectName, Problem } from '../../../core/problem.ts'
import type { Mesh } from '../../model/mesh.ts'
import type { Snapshot } from '../../registry/snapshot.ts'

/** What configuration is checked against: a mesh as it is, or as manifests would make it. */
export interface CheckedMesh {
  readonly snapshot: Snapshot
  readonly mesh: Mesh
  /** Pods that are there, or that manifests would make: of a Deployment one. */
  readonly pods: readonly CheckedPod[]
  /** Namespaces of which it is known what is in them. */
  readonly namespaces: ReadonlySet<string>
}

export interface CheckedPod {
  /** What it is told by: its owner, or itself. */
  readonly maker: ObjectName
  readonly meta: {
    readonly namespace: string
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly serviceAccount: string
  /** It has, or would get, a sidecar. */
  readonly meshed: boolean
  /** Why it gets none although its namespace is of the mesh, or ''. */
  readonly leftOut: string
  /** Those that its containers declare. */
  readonly ports: readonly { readonly name: string; readonly port: number }[]
}

/** What a finding says beside its place. */
export interface Said {
  readonly message: string
  readonly remedy: string
  readonly effect?: string
}

/** A finding of a check, in that check's severity. */
export function findingOf(code: CheckCode, of: ObjectName, field: string, said: Said): Problem {
  const { kind, namespace, name } = of
  const place = { file: null, line: null, column: null }
  return { code, ...place, kind, namespace, name, field, severity: CHECKS[code].severity, ...said }
}

/** The name of an object that was read. */
export function nameOf(object: {
  readonly kind: string
  readonly meta: { readonly namespace: string; readonly name: string }
}): ObjectName {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name }
}
