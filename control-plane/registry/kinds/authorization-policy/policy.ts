import type { Meta } from '../meta.ts'
import type { Labels } from '../label-selector.ts'

/** weft.dev/v1alpha1 AuthorizationPolicy: who may, as its author wrote it. */
export interface AuthorizationPolicyObject {
  readonly kind: 'AuthorizationPolicy'
  readonly meta: Meta
  /** Empty, and no selector: the whole namespace; in the installation's, the mesh. */
  readonly targetRefs: readonly TargetRef[]
  readonly selector: Labels | undefined
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT'
  readonly mode: 'Enforce' | 'DryRun'
  /** Whether it also holds for a pod that reaches itself. */
  readonly appliesToSelf: boolean
  /** Undefined: with ALLOW, nothing is allowed. */
  readonly rules: readonly PolicyRule[] | undefined
  /**
   * Something in it is wrong, so that nobody can tell what it allows: it is read as one of DENY that matches everything,
   * unless it is there to audit only.
   */
  readonly unreadable: boolean
}

/** Of the policy's own namespace. */
export interface TargetRef {
  readonly group: string
  readonly kind: 'Service' | 'HTTPRoute' | 'GRPCRoute' | 'Namespace'
  readonly name: string
}

/** Any of `from`, any of `to`, and all of `when`; a list that is empty says nothing. */
export interface PolicyRule {
  readonly from: readonly PolicySource[]
  readonly to: readonly PolicyOperation[]
  readonly when: readonly PolicyCondition[]
}

/** One of `values`, where there are any, and none of `notValues`. */
export interface Listed<T = string> {
  readonly values: readonly T[]
  readonly notValues: readonly T[]
}

/** All fields that are there must hold. */
export interface PolicySource {
  readonly principals?: Listed
  readonly namespaces?: Listed
  readonly serviceAccounts?: Listed
  readonly ipBlocks?: Listed
  readonly trustDomains?: Listed
  readonly requestPrincipals?: Listed
}

/** All fields that are there must hold. */
export interface PolicyOperation {
  readonly ports?: Listed<number>
  readonly methods?: Listed
  readonly paths?: Listed
  readonly hosts?: Listed
  readonly grpc?: Listed<GrpcOperation>
  readonly snis?: Listed
}

export interface GrpcOperation {
  /** `shop.v1.Catalog` */
  readonly service: string
  /** Undefined: all of the service. */
  readonly method: string | undefined
}

/** What a request, or a connection, must have besides. */
export interface PolicyCondition extends Listed {
  readonly key: ConditionKey
}

export type ConditionKey =
  /** Lower-case name. */
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: readonly string[] }
  | {
      readonly kind:
        | 'request.auth.principal'
        | 'request.auth.audiences'
        | 'request.auth.presenter'
        | 'source.ip'
        | 'destination.port'
        | 'connection.sni'
    }
