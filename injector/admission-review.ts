import { WeftError } from '../core/errors.ts'
import type { JsonObject } from './json-patch.ts'
import { isObject } from './json-patch.ts'
import {
  readObject,
  readOptionalBoolean,
  readOptionalObject,
  readOptionalString,
  readString,
} from './shape.ts'

/** What the webhook reads of admission.k8s.io/v1 AdmissionRequest. */
export interface AdmissionRequest {
  readonly uid: string
  /** `CREATE`, `UPDATE`, `DELETE` or `CONNECT`. */
  readonly operation: string
  readonly namespace: string
  readonly dryRun: boolean
  /** Whether `object` is a whole core/v1 Pod (not a subresource of one). */
  readonly isPod: boolean
  /** Unchecked; absent for a DELETE. */
  readonly object: unknown
}

/** An answer as admission.k8s.io/v1 AdmissionResponse writes it. */
export interface AdmissionAnswer {
  readonly allowed: boolean
  readonly patch?: readonly unknown[]
  readonly warnings?: readonly string[]
  /** Keys without a prefix: the API server puts the webhook's name before them. */
  readonly auditAnnotations?: Readonly<Record<string, string>>
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string }
}

export const ADMISSION_API_VERSION = 'admission.k8s.io/v1'

/** A review that can't be decided. With a uid it can still be answered as an AdmissionReview. */
export class InvalidReview extends WeftError {
  readonly uid: string | undefined

  constructor(error: { message: string; field?: string | undefined }, uid: string | undefined) {
    super('admission.invalid', error.message, error.field === undefined ? {} : { field: error.field })
    this.uid = uid
  }
}

// The API server's are UUIDs; the bound keeps a stranger's from being sent back at any length.
const MAX_UID = 253

/** Reads an AdmissionReview from parsed JSON; throws an InvalidReview. */
export function readAdmissionReview(body: unknown): AdmissionRequest {
  if (!isObject(body))
    throw new InvalidReview({ message: 'the body must be an AdmissionReview object' }, undefined)
  if (body['kind'] !== 'AdmissionReview') {
    throw new InvalidReview({ field: 'kind', message: 'must be AdmissionReview' }, undefined)
  }
  const uid = readUid(body['request'])
  if (body['apiVersion'] !== ADMISSION_API_VERSION) {
    const message = `must be ${ADMISSION_API_VERSION}: set admissionReviewVersions: ["v1"] in the webhook configuration`
    throw new InvalidReview({ field: 'apiVersion', message }, uid)
  }
  if (uid === undefined) {
    const message = `must be a text of 1 to ${MAX_UID} characters`
    throw new InvalidReview({ field: 'request.uid', message }, undefined)
  }
  try {
    return readRequest(readObject(body['request'], 'request'), uid)
  } catch (error) {
    if (error instanceof WeftError) throw new InvalidReview(error, uid)
    throw error
  }
}

function readUid(request: unknown): string | undefined {
  const uid = isObject(request) ? request['uid'] : undefined
  return typeof uid === 'string' && uid.length > 0 && uid.length <= MAX_UID ? uid : undefined
}

function readRequest(request: JsonObject, uid: string): AdmissionRequest {
  const kind = readObject(request['kind'], 'request.kind')
  const group = readOptionalString(kind['group'], 'request.kind.group') ?? ''
  const version = readString(kind['version'], 'request.kind.version')
  const name = readString(kind['kind'], 'request.kind.kind')
  const subresource = readOptionalString(request['subResource'], 'request.subResource') ?? ''
  return {
    uid,
    operation: readString(request['operation'], 'request.operation'),
    namespace: readOptionalString(request['namespace'], 'request.namespace') ?? '',
    dryRun: readOptionalBoolean(request['dryRun'], 'request.dryRun') ?? false,
    isPod: group === '' && version === 'v1' && name === 'Pod' && subresource === '',
    object: readOptionalObject(request['object'], 'request.object'),
  }
}

/** The AdmissionReview that answers the request of `uid`. */
export function admissionReview(uid: string, answer: AdmissionAnswer): JsonObject {
  const { allowed, patch, warnings, auditAnnotations, status } = answer
  return {
    apiVersion: ADMISSION_API_VERSION,
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      // patchType and patch come together or not at all.
      ...(patch && patch.length > 0
        ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
        : {}),
      ...(warnings && warnings.length > 0 ? { warnings: [...warnings] } : {}),
      ...(auditAnnotations ? { auditAnnotations: { ...auditAnnotations } } : {}),
      ...(status ? { status: { ...status } } : {}),
    },
  }
}
