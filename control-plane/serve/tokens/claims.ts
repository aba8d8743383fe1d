import { WeftError } from '../../../core/errors.ts'

/** Who holds a token, as Kubernetes says it in a projected service account token. */
export interface Caller {
  readonly namespace: string
  readonly serviceAccount: string
  /** Undefined for a token that is bound to no pod. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined
}

/** What a token is minted for. UIDs are opaque text. */
export interface TokenSubject {
  readonly namespace: string
  readonly serviceAccount: { readonly name: string; readonly uid: string }
  readonly pod?: { readonly name: string; readonly uid: string }
}

// RFC 1123, as Kubernetes names namespaces (labels) and service accounts and pods (subdomains).
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/

export const isNamespaceName = (text: string): boolean => LABEL.test(text)
/** Of a service account or a pod. */
export const isObjectName = (text: string): boolean => SUBDOMAIN.test(text)

export const TOKEN_ISSUER = 'https://kubernetes.default.svc.cluster.local'

/** `sub` of a service account's token. */
export function subjectOf(namespace: string, serviceAccount: string): string {
  return `system:serviceaccount:${namespace}:${serviceAccount}`
}

/** The private claim of Kubernetes's tokens. */
export function kubernetesClaim(subject: TokenSubject): Record<string, unknown> {
  const { namespace, serviceAccount, pod } = subject
  checkName(namespace, LABEL, 'namespace')
  checkName(serviceAccount.name, SUBDOMAIN, 'serviceAccount.name')
  if (pod) checkName(pod.name, SUBDOMAIN, 'pod.name')
  return {
    namespace,
    serviceaccount: { name: serviceAccount.name, uid: serviceAccount.uid },
    ...(pod && { pod: { name: pod.name, uid: pod.uid } }),
  }
}

/** Reads the caller out of claims whose signature holds. Throws WeftError `token.malformed` naming the claim. */
export function callerOf(claims: Readonly<Record<string, unknown>>): Caller {
  const kubernetes = object(claims['kubernetes.io'], 'kubernetes.io')
  const namespace = checkName(kubernetes['namespace'], LABEL, 'kubernetes.io.namespace')
  const account = object(kubernetes['serviceaccount'], 'kubernetes.io.serviceaccount')
  const serviceAccount = checkName(account['name'], SUBDOMAIN, 'kubernetes.io.serviceaccount.name')
  if (claims['sub'] !== subjectOf(namespace, serviceAccount)) {
    throw malformed('sub', 'does not name the service account of kubernetes.io')
  }
  if (kubernetes['pod'] === undefined) return { namespace, serviceAccount, pod: undefined }
  const pod = object(kubernetes['pod'], 'kubernetes.io.pod')
  const name = checkName(pod['name'], SUBDOMAIN, 'kubernetes.io.pod.name')
  if (typeof pod['uid'] !== 'string') throw malformed('kubernetes.io.pod.uid', 'is no text')
  return { namespace, serviceAccount, pod: { name, uid: pod['uid'] } }
}

function checkName(value: unknown, pattern: RegExp, field: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(field, 'is no Kubernetes name')
  return value
}

function object(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(field, 'is missing')
  return value as Record<string, unknown>
}

function malformed(field: string, problem: string): WeftError {
  return new WeftError('token.malformed', `the token's claim ${problem}`, { field })
}
