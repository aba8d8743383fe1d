import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { readDocuments } from '../../control-plane/registry/documents.ts'
import { WATCHED_KINDS } from '../../control-plane/registry/kubernetes/resources.ts'
import type { Json } from '../../injector/json-patch.ts'
import { textAt } from '../cluster/objects.ts'
import type { InputText } from '../inject/read-inputs.ts'

/** What the API server says of an object that it would be given: schemas, webhooks and rights of the caller among it. */
export interface DryRun {
  /** `KIND namespace/name` */
  readonly object: string
  readonly result: 'taken' | 'refused' | 'untried'
  /** Why it is refused or could not be tried, or ''. */
  readonly because: string
}

/** As kubectl's, so that both own the same fields. */
const FIELD_MANAGER = 'kubectl'
/** Statuses by which an API server says that an object is wrong: others say that it could not be asked. */
const WRONG: ReadonlySet<number> = new Set([400, 409, 413, 415, 422])
/** A webhook or ValidatingAdmissionPolicy may refuse with 403, too, which otherwise says that the caller has not the right. */
const DENIED = /\b(admission webhook|ValidatingAdmissionPolicy) .* denied (the )?request/s

/**
 * Has the API server apply each object without keeping it (`dryRun=All`), of the kinds that the mesh reads. Throws the
 * KubernetesError of one that gives no answer.
 */
export async function dryRun(
  connection: Pick<KubernetesConnection, 'request'>,
  texts: readonly InputText[],
): Promise<readonly DryRun[]> {
  const found: DryRun[] = []
  for (const { text } of texts)
    for (const { value } of readDocuments(text).documents)
      found.push(await applied(connection, value as Json))
  return found
}

async function applied(connection: Pick<KubernetesConnection, 'request'>, body: Json): Promise<DryRun> {
  const kind = textAt(body, 'kind')
  const apiVersion = textAt(body, 'apiVersion')
  const name = textAt(body, 'metadata', 'name')
  const namespace = textAt(body, 'metadata', 'namespace') || 'default'
  const object = `${kind} ${namespace}/${name}`
  const [, root = '', plural = ''] =
    /^(.*)\/([^/]+)$/.exec(WATCHED_KINDS.find((one) => one.kind === kind && one.custom)?.path ?? '') ?? []
  if (plural === '')
    return { object, result: 'untried', because: 'it is of no kind that says anything of requests' }
  // The version as it is written: an API server may serve several.
  const base = `/apis/${apiVersion}`
  if (!root.startsWith(base.replace(/\/[^/]+$/, '')))
    return { object, result: 'untried', because: `${apiVersion} is no version of ${kind} that is known` }
  try {
    await connection.request({
      method: 'PATCH',
      path: `${base}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`,
      query: { dryRun: 'All', fieldManager: FIELD_MANAGER, force: true },
      contentType: 'application/apply-patch+yaml',
      body,
    })
    return { object, result: 'taken', because: '' }
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status === 0 || error.status === 401) throw error
    const denied = error.status === 403 && DENIED.test(error.message)
    const result = denied || WRONG.has(error.status) ? 'refused' : 'untried'
    return { object, result, because: error.message }
  }
}
